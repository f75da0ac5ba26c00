#include "cli/measure_command.hpp"

#include <memory>
#include <string>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "measure/endorsement.hpp"
#include "realm/plan/measurement.hpp"

namespace rvmm::cli {
namespace {

struct MeasureOptions {
    std::string config;
    realm::ConfigOptions parsing;
    std::string steps;
    std::string rule;
    std::string rem_rule = "tf-rmm";
    std::string profile;
    std::string profiles;
    std::string format = "text";
    std::string log;
    std::string output;
};

/// Standard output, or the file of --output.
Result<> emit(const MeasureOptions& options, ByteSpan bytes, bool binary) {
    if (!options.output.empty()) {
        RVMM_TRY(NewFile file, NewFile::create(options.output, "output"));
        RVMM_CHECK(file.write(bytes));
        return file.finish();
    }
    if (binary && stdout_is_terminal())
        return fail(Stage::kUsage, "CBOR is not for a terminal: use --output FILE or a pipe");
    return write_all(Stage::kLaunch, STDOUT_FILENO, bytes, "the measurement");
}

Result<realm::LaunchPlan> plan_of(const MeasureOptions& options, const ProfileFile& profiles) {
    const realm::PlanOptions planning{.reading = Reading::kMap, .profiles = &profiles.table};
    if (options.config.empty())
        return fail(Stage::kUsage, "measure needs a config, --layout or --steps");
    realm::ConfigOptions parsing = options.parsing;
    RVMM_TRY(realm::RealmSpec spec, realm::load_config(options.config, parsing));
    if (!spec.realm)
        return std::unexpected(
            Error(Stage::kConfig, fmt::format("{} is no realm's config: an ordinary VM is not "
                                              "measured",
                                              options.config))
                .with_advice("add a [realm] table, or say --realm for one with its defaults"));
    if (!options.profile.empty()) spec.realm->profile = options.profile;
    return realm::LaunchPlan::create(std::move(spec), planning);
}

measure::Endorsement endorsement_of(const realm::Measurement& measurement) {
    measure::Endorsement endorsement;
    endorsement.hash = measurement.hash;
    endorsement.rim = measurement.rim;
    const ByteSpan rpv(measurement.personalization);
    if (std::ranges::any_of(rpv, [](std::byte b) { return b != std::byte{0}; }))
        endorsement.rpv.emplace(rpv.begin(), rpv.end());
    return endorsement;
}

Result<int> run(const MeasureOptions& options) {
    RVMM_TRY(const ProfileFile profiles, ProfileFile::load(options.profiles));
    RVMM_TRY(const realm::LaunchPlan plan, plan_of(options, profiles));
    RVMM_TRY(const realm::Folded folded,
             fold_with_log(plan, options.log, progress_line("measuring")));
    const realm::Measurement measurement = realm::make_measurement(plan, folded);
    if (options.format == "corim") {
        RVMM_TRY(const Bytes corim, measure::to_corim(endorsement_of(measurement)));
        RVMM_CHECK(emit(options, corim, true));
    } else if (options.format == "comid-json") {
        RVMM_TRY(const auto cocli, measure::to_cocli(endorsement_of(measurement)));
        RVMM_CHECK(emit(options, as_bytes(cocli.comid), false));
    } else {
        const bool json = options.format == "json";
        const std::string text = json ? to_json(measurement) : to_text(measurement);
        RVMM_CHECK(emit(options, as_bytes(text), false));
    }
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kFooter = R"(Examples:
  rvmm measure image.cfg                        the RIM, and what contributes to it
  rvmm measure image.cfg --json | jq -r .rim
  rvmm measure image.cfg --profile kvm-v12      what another host revision makes of it
  rvmm measure image.cfg --format corim --output realm.cbor
  rvmm measure image.cfg --log realm.log        one line an extension, for rvmm diff
  rvmm measure --layout kvmtool --dtb guest.dtb --kernel Image --memory 256M --profile kvm-v12
  rvmm measure --steps calls.json               an explicit list of RMI calls

docs/measure.md explains what is measured and by which rule.)";

}  // namespace

void add_measure_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<MeasureOptions>();
    CLI::App* command = app.add_subcommand("measure", "The measurement that a realm will have");
    command->add_option("config", options->config, "The image's config (docs/image-cfg.md)");
    command->add_flag("--realm", options->parsing.force_realm,
                      "Measure as a realm even without a [realm] table");
    command->add_option("--set", options->parsing.overrides, "Change one value: KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
    command->add_option("--profile", options->profile,
                        "RMM and host to measure for (rvmm profiles); before the config's");
    add_profiles_option(*command, options->profiles);
    command->add_option("--format", options->format, "What to print")
        ->check(CLI::IsMember({"text", "json", "corim", "comid-json"}))
        ->capture_default_str();
    command->add_flag_callback(
        "--json", [options] { options->format = "json"; }, "The same as --format json");
    command->add_option("--log", options->log, "Write the measurement log to this new file");
    command->add_option("--output", options->output, "Write to this new file");
    command->add_option("--steps", options->steps, "Fold the RMI calls that this file lists");
    command->add_option("--rule", options->rule, "With --steps: the RMM's rule, before the file's")
        ->check(CLI::IsMember({"rmm-1.0", "rmm-2.0/tf-rmm", "rmm-2.0/spec"}));
    command->add_option("--rem-rule", options->rem_rule, "With --steps: how REMs are extended")
        ->check(CLI::IsMember({"tf-rmm", "spec"}))
        ->capture_default_str();
    command->footer(kFooter);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
