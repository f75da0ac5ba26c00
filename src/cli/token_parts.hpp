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

/// The token in the file `path`. Errors (Stage::kImage) name it.
Result<measure::token::Token> load_token(const std::string& path);
/// The public key in a file; nothing where `path` is empty.
Result<std::optional<measure::token::PublicKey>> load_trust_anchor(const std::string& path);
/// `text` as 1 to `limit` bytes. Errors (Stage::kUsage) name `option`.
Result<Bytes> hex_option(std::string_view option, const std::string& text, std::size_t limit);
/// --rem N=HEX, or HEX for REM1, REM2, ... in turn. Errors (Stage::kUsage).
Result<std::array<std::optional<measure::Digest>, 4>> rem_options(
    const std::vector<std::string>& texts);

}  // namespace rvmm::cli
