// The parts of rvmm token: one for each subcommand.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "measure/token/verify.hpp"

namespace rvmm::cli {

void add_token_show(CLI::App& token_command, CommandResult& result);
void add_token_verify(CLI::App& token_command, CommandResult& result);
void add_token_issue(CLI::App& token_command, CommandResult& result);
void add_token_platform(CLI::App& token_command, CommandResult& result);

/// The token that a command looks at, and how it says what it saw.
struct TokenArguments {
    std::string file;
    std::string trust_anchor;
    bool json = false;
};
/// `arguments` lives as long as `command`.
void add_token_arguments(CLI::App& command, TokenArguments& arguments);

/// The token in the file `path`. Errors (Stage::kImage) name it.
Result<measure::token::Token> load_token(const std::string& path);
/// The public key in a file; nothing where `path` is empty.
Result<std::optional<measure::token::PublicKey>> load_trust_anchor(const std::string& path);
/// --rem N=HEX, or HEX for REM1, REM2, ... in turn. Errors (Stage::kUsage).
Result<std::array<std::optional<measure::Digest>, 4>> rem_options(
    const std::vector<std::string>& texts);

}  // namespace rvmm::cli
