// `rvmm test`: runs suites of launches, for CI.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

/// Adds the command to `app`. `result` outlives the parse.
void add_test_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
