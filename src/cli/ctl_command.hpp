// `rvmm ctl`: what is asked of a run, or told to it.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_ctl_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
