// The option that says which lab a command uses.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace rvmm::cli {

/// Adds --lab, for LabSearch::from_environment(), to `command`. `path` lives as long as it.
void add_lab_option(CLI::App& command, std::string& path);

}  // namespace rvmm::cli
