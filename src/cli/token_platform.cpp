#include <memory>

#include "base/exit_code.hpp"
#include "cli/image_arguments.hpp"
#include "cli/output.hpp"
#include "cli/token_parts.hpp"
#include "measure/token/platform_endorsement.hpp"
#include "realm/rmm/token_issuer.hpp"

namespace rvmm::cli {
namespace {

struct PlatformOptions {
    std::string config;
    realm::ConfigOptions parsing{.force_realm = true, .overrides = {}};
    std::string format = "corim";
    std::string output;
};

Result<int> run(const PlatformOptions& options) {
    realm::AttestationSpec attestation;
    if (!options.config.empty()) {
        RVMM_TRY(auto spec, realm::load_config(options.config, options.parsing));
        attestation = std::move(spec.attestation);
    } else if (!options.parsing.overrides.empty()) {
        return fail(Stage::kUsage, "--set needs a config that it changes");
    }
    RVMM_TRY(const auto key, realm::platform_key(attestation));
    if (options.format == "pem") {
        RVMM_CHECK(emit(options.output, as_bytes(key.public_key().to_pem()), Contents::kText));
    } else {
        RVMM_TRY(const Bytes corim, to_corim(attestation.platform, key.public_key()));
        RVMM_CHECK(emit(options.output, corim, Contents::kCbor));
    }
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kPlatformExamples = R"(Examples:
  rvmm token platform --format pem --output test-key.pem
                             the trust anchor of emulated platforms: the published test key
  rvmm token platform --output platform.cbor
                             the same and reference values, as a CoRIM
  rvmm token platform image.cfg --output platform.cbor
                             those of this image's [attestation]
  rvmm measure image.cfg --format corim --output realm.cbor
                             and what the realm itself measures to)";

}  // namespace

void add_token_platform(CLI::App& token_command, CommandResult& result) {
    auto options = std::make_shared<PlatformOptions>();
    CLI::App* command = token_command.add_subcommand(
        "platform", "What a verifier of emulated realms' tokens is to know of their platform");
    command->add_option("config", options->config, "The image's config (docs/image-cfg.md)")
        ->type_name("FILE");
    command->add_option("--set", options->parsing.overrides, "Change one value: KEY=VALUE")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
    command->add_option("--format", options->format, "What to print")
        ->check(CLI::IsMember({"corim", "pem"}))
        ->capture_default_str();
    command->add_option("--output", options->output, "Write to this new file")->type_name("FILE");
    command->footer(kPlatformExamples);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
