#include "cli/run_command.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "cli/dry_run.hpp"
#include "cli/hex_options.hpp"
#include "cli/kvm_access.hpp"
#include "cli/lab_option.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "cli/run_outputs.hpp"
#include "cli/watch_options.hpp"
#include "realm/plan/compare.hpp"
#include "realm/plan/expected_rim.hpp"
#include "realm/plan/launch_plan.hpp"
#include "realm/plan/measured_input.hpp"
#include "vmm/run/report.hpp"
#include "vmm/run/run_image.hpp"

namespace rvmm::cli {
namespace {

struct RunOptions {
    std::string config;
    realm::ConfigOptions parsing;
    bool emulate = false;
    std::string host;
    bool json = false;
    bool stats = false;
    std::string report;
    std::string junit;
    std::string profiles;
    std::string measurement_log;
    std::string expect_rim;
    std::string expect_measurement;
    std::string lab;
    bool inside_lab = false;
    std::string record;
    std::string token;
    std::string challenge;
    WatchOptions watch;
    bool dry_run = false;
    vmm::ControlWishes control;
    std::string events;
};

std::optional<realm::HostKind> host_kind(const std::string& name) {
    for (const auto kind :
         {realm::HostKind::kCca, realm::HostKind::kEmulated, realm::HostKind::kLab})
        if (to_string(kind) == name) return kind;
    return std::nullopt;
}

/// Says on standard error where the launch and what was expected first differ.
Result<> tell_difference(const RunOptions& options, const ProfileFile& profiles,
                         const realm::MeasuredInput& expected) {
    RVMM_TRY(const auto ours,
             realm::load_measured_input(options.config, options.parsing, profiles.table));
    RVMM_TRY(const auto comparison, realm::compare(ours, expected));
    return write_all(Stage::kLaunch, STDERR_FILENO, as_bytes(to_text(comparison, ours, expected)),
                     "the difference");
}

/// What the plan measures to: logged if that is asked for, and as expected.
Result<realm::Folded> measure_launch(const RunOptions& options, const ProfileFile& profiles,
                                     const realm::LaunchPlan& plan, vmm::RunEvents& events) {
    if (!plan.is_realm() && (!options.measurement_log.empty() || !options.expect_rim.empty() ||
                             !options.expect_measurement.empty()))
        return fail(Stage::kUsage, "an ordinary VM has no measurement to log or to expect");
    if (!plan.is_realm()) return realm::Folded();
    events.phase(vmm::Phase::kMeasure);
    RVMM_TRY(measure::Digest expected, realm::expected_rim(*plan.spec().realm, options.expect_rim));
    std::optional<realm::MeasuredInput> reference;
    if (!options.expect_measurement.empty()) {
        RVMM_TRY(reference,
                 realm::load_measured_input(options.expect_measurement, {}, profiles.table));
        expected = reference->rim;
    }
    RVMM_TRY(realm::Folded folded,
             fold_with_log(plan, options.measurement_log,
                           [&, line = progress_line("measuring")](auto done, auto total) {
                               if (line) line(done, total);
                               events.progress(done, total);
                           }));
    events.say(vmm::MeasuredEvent{plan.profile()->name,
                                  std::string(measure::to_string(plan.spec().realm->hash)),
                                  to_hex(folded.rim)});
    const auto checked = realm::check_rim(folded.rim, expected);
    if (!checked && reference) RVMM_CHECK(tell_difference(options, profiles, *reference));
    RVMM_CHECK(checked);
    return folded;
}

/// Something hangs on the measurement before a host is looked for.
bool is_measured_first(const RunOptions& options, const realm::LaunchPlan& plan) {
    return !options.events.empty() || !options.measurement_log.empty() ||
           !options.expect_rim.empty() || !options.expect_measurement.empty() ||
           (plan.is_realm() && !plan.spec().realm->expect_rim.empty());
}

/// The file for the token, if one is wanted, and what it is asked with: zeros follow what was
/// given.
Result<std::optional<NewFile>> want_token(const RunOptions& options, vmm::RunRequest& request) {
    if (options.token.empty()) return std::nullopt;
    vmm::TokenChallenge& challenge = request.challenge.emplace();
    if (!options.challenge.empty()) {
        RVMM_TRY(const Bytes given, hex_option("--challenge", options.challenge, challenge.size()));
        std::ranges::copy(given, challenge.begin());
    }
    RVMM_TRY(NewFile file, NewFile::create(options.token, "token"));
    return file;
}

/// Keeps the token. The exit code of the run: a guest that ended well and gave none is a failure.
Result<int> keep_token(NewFile& file, const vmm::RunResult& outcome) {
    if (outcome.token) {
        RVMM_CHECK(file.write(*outcome.token));
        RVMM_CHECK(file.finish());
        return outcome.exit_code;
    }
    if (outcome.exit_code != 0) return outcome.exit_code;
    return std::unexpected(
        Error(Stage::kLaunch, "the guest gave no token")
            .with_advice(
                "docs/attestation.md says what a guest has to do, and which image does it"));
}

/// A run to its end. `found` is the report, where there is one.
Result<int> launch(const RunOptions& options, const std::shared_ptr<vmm::RunEvents>& events,
                   std::string& found) {
    vmm::RunRequest request;
    request.events = events;
    RVMM_TRY(request.watch, watch_spec(options.watch, options.inside_lab));
    if (!options.watch.console_log.empty()) request.console_log = options.watch.console_log;
    RVMM_CHECK(options.control.check());
    RVMM_TRY(auto token, want_token(options, request));
    std::optional<NewFile> report;
    if (!options.report.empty()) {
        RVMM_TRY(NewFile file, NewFile::create(options.report, "report"));
        report.emplace(std::move(file));
    }
    RVMM_TRY(const auto kvm, KvmAccess::create(options.record));
    RVMM_TRY(auto spec, realm::load_config(options.config, options.parsing));
    RVMM_TRY(const auto profiles, ProfileFile::load(options.profiles));
    events->phase(vmm::Phase::kLayout);
    RVMM_TRY(auto plan, realm::LaunchPlan::create(std::move(spec), {.profiles = &profiles.table}));
    RVMM_TRY(request.lab, vmm::lab::LabSearch::from_environment(options.lab));
    std::optional<realm::Folded> folded;
    request.rim = [&]() -> Result<measure::Digest> {
        if (!folded) {
            RVMM_TRY(folded, measure_launch(options, profiles, plan, *request.events));
        }
        return folded->rim;
    };
    request.known_rim = [&]() -> std::optional<measure::Digest> {
        if (!folded) return {};
        return folded->rim;
    };
    request.control = options.control;
    if (is_measured_first(options, plan)) RVMM_CHECK(request.rim());
    request.wants_report = options.json || options.stats || report.has_value() ||
                           !options.junit.empty() || events->heard();
    request.loaded = [&]() -> Result<> {
        if (request.wants_report || request.control.any()) RVMM_CHECK(request.rim());
        plan.release_images();
        return {};
    };
    request.profiles = profiles.text;
    request.wishes = {options.emulate, host_kind(options.host)};
    request.console_to_stderr = options.json;
    request.inside_lab = options.inside_lab;
    request.driver = &kvm->driver();
    request.records = kvm->records();
    if (options.dry_run) {
        RVMM_TRY(const auto choice, vmm::choose_host_for(plan, request));
        RVMM_CHECK(request.rim());
        return print_dry_run({plan, *folded, choice, request.wishes, request.lab}, options.json);
    }
    const auto run = vmm::run_image(plan, request);
    const auto recorded = kvm->finish();
    if (!run && !recorded) warn("{}", recorded.error().message());
    RVMM_TRY(const auto outcome, run);
    found = outcome.report;
    RVMM_CHECK(recorded);
    Result<int> exit_code = outcome.exit_code;
    if (token) exit_code = keep_token(*token, outcome);
    // None was asked for, or the lab's rvmm said why there is none.
    if (outcome.report.empty()) return exit_code;
    if (options.stats)
        for (const std::string& stat : vmm::stats_of(outcome.report)) note("{}", stat);
    const std::string line = outcome.report + "\n";
    if (report) {
        RVMM_CHECK(report->write(line));
        RVMM_CHECK(report->finish());
    }
    if (options.json) RVMM_CHECK(print(line, "the report"));
    return exit_code;
}

/// The same, and what --events and --junit hear of it.
Result<int> run(const RunOptions& options) {
    RVMM_CHECK(check_new_files({{"--report", options.report},
                                {"--measurement-log", options.measurement_log},
                                {"--token", options.token},
                                {"--record", options.record},
                                {"--console-log", options.watch.console_log},
                                {"--events", options.events},
                                {"--junit", options.junit}}));
    RVMM_CHECK(vmm::EventSink::check_descriptor(options.events));
    return with_junit(options.junit, options.config, [&](std::string& report) -> Result<int> {
        RVMM_TRY(const auto events, vmm::RunEvents::create(options.events, options.config));
        auto ended = launch(options, events, report);
        events->end(ended, report);
        return ended;
    });
}

constexpr const char* kRunExamples = R"(Examples:
  rvmm run image.cfg                          a realm if it has a [realm] table, else a VM
  rvmm run --realm image.cfg --emulate        a realm, on any machine, without protection
  rvmm run image.cfg --set machine.memory=1G  with one value changed
  rvmm run image.cfg --json 2>console.log     the report on standard output
  rvmm run image.cfg --expect-rim $RIM        refused before the guest starts if it differs
  rvmm run image.cfg --dry-run                what would run, where, and its RIM; nothing is started
  rvmm run image.cfg --token token.cbor --challenge $NONCE
                                              and what the realm's attestation token says of it
  rvmm run image.cfg --events fd:3 3>events.ndjson
                                              what happens when, for a program
  rvmm run image.cfg --timeout 5m --expect 'login: ' --send 'root\n' --expect '# ' --end-when-met
                                              looked after by a script

Ctrl-A x ends the guest, Ctrl-A p (or SIGPWR) presses its power key, Ctrl-A h lists the other keys. Exit codes: docs/exit-codes.md.)";

}  // namespace

void add_run_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<RunOptions>();
    CLI::App* command =
        app.add_subcommand("run", "Launch an image as a realm, or as an ordinary VM");
    command->add_option("config", options->config, "The image's config (docs/image-cfg.md)")
        ->type_name("FILE")
        ->required();
    command->add_flag("--realm", options->parsing.force_realm,
                      "Launch as a realm even without a [realm] table");
    command->add_flag("--emulate", options->emulate,
                      "Allow a realm without hardware protection, here or in a lab");
    command->add_option("--host", options->host, "Use this kind of host or none")
        ->check(CLI::IsMember({"cca", "emulated", "lab"}));
    command->add_option("--set", options->parsing.overrides, "Change one value: KEY=VALUE")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
    command->add_flag("--json", options->json,
                      "Print a report on standard output; the console goes to standard error");
    command->add_flag("--stats", options->stats,
                      "Say at the end what was counted: exits, memory, each device");
    command->add_option("--report", options->report, "Write the report to this new file")
        ->type_name("FILE");
    command
        ->add_option("--junit", options->junit,
                     "Write what came of it as JUnit's XML to this new file, for a CI server")
        ->type_name("FILE");
    command
        ->add_option("--measurement-log", options->measurement_log,
                     "Write what is measured, step by step, to this new file")
        ->type_name("FILE");
    CLI::Option* expect_rim =
        command->add_option("--expect-rim", options->expect_rim,
                            "HEX: refuse to launch what measures to anything else (exit code 76)");
    command
        ->add_option("--expect-measurement", options->expect_measurement,
                     "The same by a measurement log, document or CoRIM; says what differs first")
        ->excludes(expect_rim);
    CLI::Option* token = command->add_option(
        "--token", options->token,
        "Write the realm's attestation token, which the guest gives, to this new file");
    command->add_option("--challenge", options->challenge, "What the token is asked for with, hex")
        ->type_name("HEX")
        ->needs(token);
    add_watch_options(*command, options->watch);
    command
        ->add_option("--name", options->control.name,
                     "What rvmm ps and rvmm ctl call this run (the config's name and a number)")
        ->type_name("NAME");
    command
        ->add_option("--control", options->control.socket,
                     "Put the control socket (docs/control.md) at this new path")
        ->type_name("FILE");
    command
        ->add_option("--events", options->events,
                     "Say what happens, as it happens, to this new file, FIFO or fd:N, a line of "
                     "JSON each (docs/events.md)")
        ->type_name("FILE");
    add_profiles_option(*command, options->profiles);
    add_lab_option(*command, options->lab);
    add_record_option(*command, options->record);
    expect_rim->type_name("HEX");
    token->type_name("FILE");
    add_dry_run_option(*command, options->dry_run);
    command->add_flag("--inside-lab", options->inside_lab)->group("");
    command->footer(kRunExamples);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
