#pragma once

namespace rvmm::cli {

/// Reads the command line and runs the command that it names: docs/exit-codes.md has what is
/// returned. Errors go to standard error.
int run_commands(int argc, char** argv);

}  // namespace rvmm::cli
