// rvmm completion: a shell's script that completes rvmm's command lines.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

/// `app` is the whole program; the commands that are added to it later are completed too.
void add_completion_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
