// rvmm explain: what an image's measurement is made of.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_explain_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
