// rvmm profiles: the RMM and host combinations that realms are measured and launched for.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_profiles_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
