// rvmm dtb: the device tree of an image, as it is measured.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_dtb_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
