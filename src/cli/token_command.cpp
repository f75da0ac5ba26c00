#include "cli/token_command.hpp"

#include "base/file.hpp"
#include "cli/token_parts.hpp"

namespace rvmm::cli {

namespace token = measure::token;

namespace {

constexpr std::uint64_t kMaxPublicKey = 64 << 10;  // bytes

}  // namespace

Result<token::Token> load_token(const std::string& path) {
    RVMM_TRY(const Bytes bytes, read_file("token", path, token::kMaxTokenSize));
    auto read = token::decode_token(bytes);
    if (!read) return std::unexpected(std::move(read).error().with_context("token " + path));
    return read;
}

Result<std::optional<token::PublicKey>> load_trust_anchor(const std::string& path) {
    if (path.empty()) return std::nullopt;
    RVMM_TRY(const Bytes bytes, read_file("trust anchor", path, kMaxPublicKey));
    auto key = token::PublicKey::from_file(bytes);
    if (!key) return std::unexpected(std::move(key).error().with_context("trust anchor " + path));
    return *std::move(key);
}

Result<std::array<std::optional<measure::Digest>, 4>> rem_options(
    const std::vector<std::string>& texts) {
    std::array<std::optional<measure::Digest>, 4> rems;
    std::size_t next = 0;
    for (const std::string& text : texts) {
        const bool numbered = text.size() > 2 && text[1] == '=';
        if (numbered) next = static_cast<std::size_t>(text[0] - '1');
        const auto digest = measure::Digest::from_hex(numbered ? text.substr(2) : text);
        if (next >= rems.size() || !digest || digest->empty())
            return fail(Stage::kUsage,
                        "--rem takes 64, 96 or 128 hex digits, or N=DIGITS with N from 1 to 4");
        rems[next++] = *digest;
    }
    return rems;
}

void add_token_arguments(CLI::App& command, TokenArguments& arguments) {
    command.add_option("file", arguments.file, "The token, as the realm got it (CBOR)")
        ->type_name("FILE")
        ->required();
    command
        .add_option("--trust-anchor", arguments.trust_anchor,
                    "The platform's public key (CPAK), PEM or DER")
        ->type_name("FILE");
    command.add_flag("--json", arguments.json, "For scripts: one JSON document");
}

void add_token_command(CLI::App& app, CommandResult& result) {
    CLI::App* command = app.add_subcommand("token", "Attestation tokens: shown, verified, issued");
    command->require_subcommand(1);
    command->footer(
        "Examples:\n"
        "  rvmm token show token.cbor\n"
        "  rvmm token verify token.cbor --trust-anchor cpak.pem --config image.cfg\n"
        "  rvmm token issue image.cfg --output token.cbor\n"
        "  rvmm token platform --format pem --output test-key.pem\n\n"
        "docs/attestation.md explains what tokens say and what is checked.");
    add_token_show(*command, result);
    add_token_verify(*command, result);
    add_token_issue(*command, result);
    add_token_platform(*command, result);
}

}  // namespace rvmm::cli
