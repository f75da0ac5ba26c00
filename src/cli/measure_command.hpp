// rvmm measure: the measurement that a realm will have.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_measure_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
