// The new files that `rvmm run` writes.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace rvmm::cli {

struct NamedFile {
    std::string_view option;
    const std::string& path;  // empty: it is not wanted
};
/// Some of them appear at the end only: that two are the same one is said in time (Stage::kUsage).
Result<> check_new_files(std::initializer_list<NamedFile> files);

/// Launches what `config` names by `launch`, which may leave a report, and puts what came of it
/// into the new JUnit file `path`, whatever that was. An empty path: there is no such file.
Result<int> with_junit(const std::string& path, const std::string& config,
                       const std::function<Result<int>(std::string& report)>& launch);

}  // namespace rvmm::cli
