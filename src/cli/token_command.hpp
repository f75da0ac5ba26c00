// rvmm token: attestation tokens, shown and verified.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.hpp"

namespace rvmm::cli {

void add_token_command(CLI::App& app, CommandResult& result);

}  // namespace rvmm::cli
