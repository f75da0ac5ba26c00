#include <memory>

#include "base/exit_code.hpp"
#include "cli/output.hpp"
#include "cli/token_parts.hpp"
#include "cli/token_text.hpp"

namespace rvmm::cli {
namespace {

namespace token = measure::token;

Result<int> show(const TokenArguments& options) {
    RVMM_TRY(const auto read, load_token(options.file));
    RVMM_TRY(const auto anchor, load_trust_anchor(options.trust_anchor));
    RVMM_TRY(const auto verdict, token::verify(read, {.trust_anchor = anchor ? &*anchor : nullptr,
                                                      .realm_only = true}));
    RVMM_CHECK(print(
        options.json ? token_json(read, verdict) : token_text(read, verdict, stdout_is_terminal()),
        "the token"));
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kShowExamples = R"help(Examples:
  rvmm token show token.cbor
  rvmm token show token.cbor --json | jq -r '.realm.claims[] | "\(.name) \(.value)"'

Both signatures' state is said at the end. The platform's needs --trust-anchor.)help";

}  // namespace

void add_token_show(CLI::App& token_command, CommandResult& result) {
    auto options = std::make_shared<TokenArguments>();
    CLI::App* command = token_command.add_subcommand("show", "Every claim of a token");
    add_token_arguments(*command, *options);
    command->footer(kShowExamples);
    command->callback([options, &result] { result.value = show(*options); });
}

}  // namespace rvmm::cli
