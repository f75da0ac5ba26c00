// rvmm man: the manual pages of the commands.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

/// `app` is the whole program; the commands that are added to it later have pages too.
void add_man_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
