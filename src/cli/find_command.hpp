// rvmm find: which variation of an image's config has a given RIM.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_find_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
