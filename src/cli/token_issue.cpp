#include <memory>

#include "base/exit_code.hpp"
#include "cli/hex_options.hpp"
#include "cli/image_arguments.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "cli/token_parts.hpp"
#include "realm/rmm/token_issuer.hpp"

namespace rvmm::cli {
namespace {

namespace token = measure::token;

struct IssueOptions {
    ImageArguments image;
    std::vector<std::string> rems;
    std::string challenge;
    std::string output;
};

/// What the RMM would say of the realm: as it is activated, but for the REMs that were given.
Result<token::RealmClaims> claims_of(const IssueOptions& options, const realm::LaunchPlan& plan) {
    RVMM_TRY(const auto folded, fold_with_log(plan, {}, progress_line("measuring")));
    const realm::RealmParameters& parameters = *plan.spec().realm;
    token::RealmClaims claims;
    if (!options.challenge.empty()) {
        RVMM_TRY(claims.challenge,
                 hex_option("--challenge", options.challenge, token::kChallengeSize));
    }
    claims.challenge.resize(token::kChallengeSize);
    claims.rpv.assign(parameters.personalization.begin(), parameters.personalization.end());
    claims.hash = parameters.hash;
    claims.rim = folded.rim;
    RVMM_TRY(const auto rems, rem_options(options.rems));
    for (std::size_t i = 0; i < rems.size(); ++i) {
        claims.rems[i] = rems[i].value_or(measure::Digest(parameters.hash));
        if (claims.rems[i].size() != claims.rim.size())
            return fail(Stage::kUsage, "--rem {}: a REM of this realm is {} hex digits", i + 1,
                        2 * claims.rim.size());
    }
    return claims;
}

Result<int> issue(const IssueOptions& options) {
    RVMM_TRY(const auto plan, make_realm_plan(options.image));
    RVMM_TRY(const auto issuer, realm::TokenIssuer::create(plan.spec().attestation));
    RVMM_TRY(auto claims, claims_of(options, plan));
    RVMM_TRY(const Bytes made, issuer.issue(std::move(claims)));
    RVMM_CHECK(emit(options.output, made, Contents::kCbor));
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kIssueExamples = R"(Examples:
  rvmm token issue image.cfg --output token.cbor
  rvmm token issue image.cfg --challenge 00112233 --rem 1=$REM1 | my-verifier
  rvmm token issue image.cfg --set attestation.profile=2023 --set attestation.form=cca-token >old.cbor

The token is one of an emulated realm, which vouches for nothing and says so (docs/attestation.md):
what `rvmm run` gives the guest, without running it.)";

}  // namespace

void add_token_issue(CLI::App& token_command, CommandResult& result) {
    auto options = std::make_shared<IssueOptions>();
    options->image.parsing.force_realm = true;
    CLI::App* command = token_command.add_subcommand(
        "issue", "A token as an emulated realm of this image would get it");
    add_image_arguments(*command, options->image);
    command->add_option("--challenge", options->challenge, "What the realm is asked with, hex")
        ->type_name("HEX");
    command->add_option("--rem", options->rems, "A REM that it has: HEX, or N=HEX")
        ->type_name("HEX")
        ->take_all()
        ->allow_extra_args(false);
    command->add_option("--output", options->output, "Write to this new file")->type_name("FILE");
    command->footer(kIssueExamples);
    command->callback([options, &result] { result.value = issue(*options); });
}

}  // namespace rvmm::cli
