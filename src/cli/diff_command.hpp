// rvmm diff: where and why two measurements differ.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_diff_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
