#include "cli/measure_command.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "cli/foreign_options.hpp"
#include "cli/image_arguments.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "measure/endorsement.hpp"
#include "realm/plan/measurement.hpp"
#include "realm/rmm/steps.hpp"

namespace rvmm::cli {
namespace {

struct MeasureOptions {
    ImageArguments image;
    bool is_foreign = false;  // --layout
    realm::ForeignRealm foreign;
    std::string steps;
    std::string rule;
    std::string rem_rule = "tf-rmm";
    std::string format = "text";
    std::string log;
    std::string output;
};

Result<int> measure_steps(const MeasureOptions& options) {
    if (!options.image.config.empty() || options.is_foreign || !options.log.empty())
        return fail(Stage::kUsage, "--steps takes no config, --layout or --log beside it");
    if (options.format != "json" && options.format != "text")
        return fail(Stage::kUsage, "--steps prints JSON, not {}", options.format);
    realm::StepsOptions steps;
    steps.rule = measure::parse_rule(options.rule);
    steps.rem_rule = *measure::parse_rem_rule(options.rem_rule);
    RVMM_TRY(const Bytes text, read_file("steps", options.steps, realm::kMaxStepsSize));
    const std::string_view json(reinterpret_cast<const char*>(text.data()), text.size());
    RVMM_TRY(const auto outcome, realm::run_steps(json, options.steps, steps));
    RVMM_CHECK(emit(options.output, as_bytes(realm::to_json(outcome)), Contents::kText));
    return to_int(ExitCode::kShutdown);
}

Result<realm::LaunchPlan> plan_of(const MeasureOptions& options) {
    const ImageArguments& image = options.image;
    if (!options.is_foreign && image.config.empty())
        return fail(Stage::kUsage, "measure needs a config, --layout or --steps");
    if (!options.is_foreign) return make_realm_plan(image);
    if (!image.config.empty() || !image.parsing.overrides.empty() || image.parsing.force_realm)
        return fail(Stage::kUsage, "--layout takes no config, --set or --realm beside it");
    RVMM_TRY(const ProfileFile profiles, ProfileFile::load(image.profiles));
    realm::ForeignRealm foreign = options.foreign;
    if (!image.profile.empty()) foreign.profile = image.profile;
    return plan_foreign(foreign, {.reading = Reading::kMap, .profiles = &profiles.table});
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
    if (!options.steps.empty()) return measure_steps(options);
    RVMM_TRY(const realm::LaunchPlan plan, plan_of(options));
    RVMM_TRY(const realm::Folded folded,
             fold_with_log(plan, options.log, progress_line("measuring")));
    const realm::Measurement measurement = realm::make_measurement(plan, folded);
    if (options.format == "corim") {
        RVMM_TRY(const Bytes corim, measure::to_corim(endorsement_of(measurement)));
        RVMM_CHECK(emit(options.output, corim, Contents::kCbor));
    } else if (options.format == "comid-json") {
        RVMM_TRY(const auto cocli, measure::to_cocli(endorsement_of(measurement)));
        RVMM_CHECK(emit(options.output, as_bytes(cocli.comid), Contents::kText));
    } else {
        const bool json = options.format == "json";
        const std::string text = json ? to_json(measurement) : to_text(measurement);
        RVMM_CHECK(emit(options.output, as_bytes(text), Contents::kText));
    }
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kMeasureExamples = R"(Examples:
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
    add_image_arguments(*command, options->image)->required(false);
    command->add_option("--format", options->format, "What to print")
        ->check(CLI::IsMember({"text", "json", "corim", "comid-json"}))
        ->capture_default_str();
    command->add_flag_callback(
        "--json", [options] { options->format = "json"; }, "The same as --format json");
    command->add_option("--log", options->log, "Write the measurement log to this new file")
        ->type_name("FILE");
    command->add_option("--output", options->output, "Write to this new file")->type_name("FILE");
    command->add_option("--steps", options->steps, "Fold the RMI calls that this file lists")
        ->type_name("FILE");
    command->add_option("--rule", options->rule, "With --steps: the RMM's rule, before the file's")
        ->check(CLI::IsMember({"rmm-1.0", "rmm-2.0/tf-rmm", "rmm-2.0/spec"}));
    command->add_option("--rem-rule", options->rem_rule, "With --steps: how REMs are extended")
        ->check(CLI::IsMember({"tf-rmm", "spec"}))
        ->capture_default_str();
    command->footer(kMeasureExamples);
    CLI::Option* layout = add_foreign_options(*command, options->foreign);
    command->callback([options, layout, &result] {
        options->is_foreign = layout->count() != 0;
        result.value = run(*options);
    });
}

}  // namespace rvmm::cli
