// rvmm run: launches an image.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_run_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
