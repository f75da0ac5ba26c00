// `rvmm lab`: a shell or any command in the lab.
#pragma once

#include "cli/command.hpp"

namespace CLI {
class App;
}

namespace rvmm::cli {

/// Adds `lab` with `run`, `shell` and the hidden `agent` to `app`. `result` lives as long as `app`.
void add_lab_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
