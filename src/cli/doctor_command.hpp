// rvmm doctor: what this machine can run, and why not.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_doctor_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
