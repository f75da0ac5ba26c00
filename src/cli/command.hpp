// What a command leaves behind: its exit code, or the Error that ended it.
#pragma once

#include <optional>

#include "base/error.hpp"

namespace rvmm::cli {

/// A command's callback sets it; main() turns it into the process's exit code.
struct CommandResult {
    std::optional<Result<int>> value;
};

}  // namespace rvmm::cli
