// `rvmm ps`: what runs.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_ps_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
