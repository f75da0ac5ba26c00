#include <memory>

#include "base/exit_code.hpp"
#include "cli/hex_options.hpp"
#include "cli/image_arguments.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "cli/token_parts.hpp"
#include "cli/token_text.hpp"
#include "realm/plan/find.hpp"

namespace rvmm::cli {
namespace {

namespace token = measure::token;

struct VerifyOptions {
    TokenArguments token;
    bool realm_only = false;
    bool allow_emulated = false;
    ImageArguments image;
    std::string rim;
    std::vector<std::string> rems;
    std::string rpv;
    std::string challenge;
    std::string realm_profile;
};

/// What the realm of --config will be.
Result<> expect_plan(const realm::LaunchPlan& plan, token::Expectations& expected) {
    RVMM_TRY(const auto folded, fold_with_log(plan, {}, progress_line("measuring")));
    const realm::RealmParameters& parameters = *plan.spec().realm;
    expected.hash = parameters.hash;
    expected.rim = folded.rim;
    expected.rpv = Bytes(parameters.personalization.begin(), parameters.personalization.end());
    return {};
}

Result<token::Expectations> expectations_of(const VerifyOptions& options,
                                            const std::optional<token::PublicKey>& anchor,
                                            const std::optional<realm::LaunchPlan>& plan) {
    token::Expectations expected{.trust_anchor = anchor ? &*anchor : nullptr,
                                 .realm_only = options.realm_only,
                                 .allow_emulated = options.allow_emulated};
    if (plan) RVMM_CHECK(expect_plan(*plan, expected));
    if (!options.rim.empty()) {
        RVMM_TRY(expected.rim, digest_option("--rim", options.rim));
    }
    RVMM_TRY(expected.rems, rem_options(options.rems));
    if (!options.rpv.empty()) {
        RVMM_TRY(expected.rpv, hex_option("--rpv", options.rpv, token::kRpvSize));
    }
    if (!options.challenge.empty()) {
        RVMM_TRY(expected.challenge,
                 hex_option("--challenge", options.challenge, token::kChallengeSize));
    }
    if (!options.realm_profile.empty()) expected.profile = options.realm_profile;
    return expected;
}

/// What variation of --config the token's realm is.
Result<std::string> variation(const ImageArguments& image, const realm::RealmSpec& spec,
                              const measure::Digest& rim) {
    RVMM_TRY(const ProfileFile profiles, ProfileFile::load(image.profiles));
    RVMM_TRY(const auto outcome, find_rim(spec, rim, {.profiles = &profiles.table}));
    if (!outcome.found)
        return fmt::format(
            "no variation of {} that was tried has the token's RIM (rvmm find tries "
            "more)",
            image.config);
    std::string text = fmt::format("{} has the token's RIM with", image.config);
    for (const realm::Change& change : outcome.found->changes)
        text +=
            fmt::format(" {} = {} (now {})", change.key, change.to.empty() ? "nothing" : change.to,
                        change.from.empty() ? "nothing" : change.from);
    return text + fmt::format(" [{}]", outcome.found->spec.realm->profile);
}

Result<int> verify(const VerifyOptions& options) {
    RVMM_TRY(const auto read, load_token(options.token.file));
    RVMM_TRY(const auto anchor, load_trust_anchor(options.token.trust_anchor));
    std::optional<realm::LaunchPlan> plan;
    if (!options.image.config.empty()) {
        RVMM_TRY(plan, make_realm_plan(options.image));
    }
    RVMM_TRY(const auto expected, expectations_of(options, anchor, plan));
    RVMM_TRY(const auto verdict, token::verify(read, expected));
    const token::Check* const rim = verdict.find("RIM");
    std::string hint;
    if (rim != nullptr && rim->state == token::Check::State::kFails && plan) {
        RVMM_TRY(hint, variation(options.image, plan->spec(), read.realm.rim));
    }
    RVMM_CHECK(print(options.token.json ? verdict_json(read, verdict, hint)
                                        : verdict_text(verdict, stdout_is_terminal()) +
                                              (hint.empty() ? "" : "hint: " + hint + "\n"),
                     "the checks"));
    if (!verdict.holds(token::Check::About::kGenuine)) return to_int(ExitCode::kImage);
    if (!verdict.holds(token::Check::About::kExpected)) return to_int(ExitCode::kMeasurement);
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kVerifyExamples = R"(Examples:
  rvmm token verify token.cbor --trust-anchor cpak.pem --config image.cfg --challenge $NONCE
  rvmm token verify token.cbor --trust-anchor cpak.pem --rim $RIM --rem 1=$REM1
  rvmm token verify token.cbor --realm-only --config image.cfg
                                     without the platform's key: only the realm's own part
  rvmm token verify token.cbor --trust-anchor test-key.pem --allow-emulated --config image.cfg
                                     a token of an emulated realm (docs/attestation.md)

Exit code 0: every check holds. 66: it is no genuine token. 76: it is one, of another realm.)";

void add_verify_options(CLI::App& command, VerifyOptions& options) {
    add_token_arguments(command, options.token);
    command.add_flag("--realm-only", options.realm_only,
                     "Leave the platform's signature unchecked where no key is given");
    command.add_flag("--allow-emulated", options.allow_emulated,
                     "Accept an emulated platform, which protects nothing");
    command.add_option("--config", options.image.config, "The image that it should be of")
        ->type_name("FILE");
    command
        .add_option("--set", options.image.parsing.overrides,
                    "Change one value of --config: KEY=VALUE")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
    command
        .add_option("--profile", options.image.profile,
                    "RMM and host to measure --config for (rvmm profiles)")
        ->type_name("NAME");
    add_profiles_option(command, options.image.profiles);
    command.add_option("--rim", options.rim, "The RIM, before that of --config")->type_name("HEX");
    command.add_option("--rem", options.rems, "A REM: HEX, or N=HEX")
        ->type_name("HEX")
        ->take_all()
        ->allow_extra_args(false);
    command.add_option("--rpv", options.rpv, "The personalization value, hex")->type_name("HEX");
    command.add_option("--challenge", options.challenge, "What the realm was asked with, hex")
        ->type_name("HEX");
    command
        .add_option("--realm-profile", options.realm_profile,
                    "The realm token's profile, in place of any known one")
        ->type_name("NAME");
    options.image.parsing.force_realm = true;
}

}  // namespace

void add_token_verify(CLI::App& token_command, CommandResult& result) {
    auto options = std::make_shared<VerifyOptions>();
    CLI::App* command = token_command.add_subcommand(
        "verify", "Whether a token is genuine and of the expected realm");
    add_verify_options(*command, *options);
    command->footer(kVerifyExamples);
    command->callback([options, &result] { result.value = verify(*options); });
}

}  // namespace rvmm::cli
