// Completion scripts for shells, made of the commands' definition. They are static: a shell that
// has one does not start rvmm to complete a word.
#pragma once

#include <string>

#include "cli/command_tree.hpp"

namespace rvmm::cli {

/// For bash from 4.0 on: to be sourced.
std::string bash_completion(const CommandNode& root);
/// For zsh: to be sourced after compinit, or as the file _rvmm in a folder of $fpath.
std::string zsh_completion(const CommandNode& root);
/// For fish from 3.0 on: to be sourced, or as a file in a folder of its completions.
std::string fish_completion(const CommandNode& root);

}  // namespace rvmm::cli
