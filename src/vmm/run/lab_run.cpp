#include "vmm/run/lab_run.hpp"

#include <algorithm>
#include <memory>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "realm/spec/write_config.hpp"
#include "vmm/lab/lab.hpp"
#include "vmm/run/lab_devices.hpp"
#include "vmm/run/report.hpp"
#include "vmm/run/run_control.hpp"
#include "vmm/run/run_watch.hpp"

namespace rvmm::vmm {
namespace {

constexpr const char* kConfig = "/job/image.cfg";
constexpr const char* kReport = "/job/report.json";
constexpr const char* kToken = "/job/token.cbor";
constexpr const char* kProfiles = "/job/profiles.toml";
constexpr const char* kEvents = "/job/events";
constexpr const char* kControl = "/job/control.sock";
constexpr std::uint64_t kLabMemory = 3ULL << 30;
constexpr std::uint64_t kLabItself = 1ULL << 30;  // kernel, root and QEMU's own part of it

std::shared_ptr<const Bytes> shared_bytes(ByteSpan bytes) {
    return std::make_shared<const Bytes>(bytes.begin(), bytes.end());
}

/// The images as the plan holds them: what was read is what travels.
void add_images(const realm::LaunchPlan& plan, const realm::RealmSpec& spec,
                lab::LabRequest& request) {
    std::optional<std::string> initrd;
    for (const realm::Blob& blob : plan.layout().blobs) {
        if (blob.kind == realm::Blob::Kind::kFdt) continue;
        const bool kernel = blob.kind == realm::Blob::Kind::kKernel;
        if (!kernel) initrd = "initrd";
        request.files.push_back(
            {kernel ? "/job/kernel" : "/job/initrd", shared_bytes(blob.contents.source())});
    }
    const auto add_key = [&](const Bytes& key, std::string_view name) {
        if (!key.empty())
            request.files.push_back({fmt::format("/job/{}", name), shared_bytes(key)});
    };
    add_key(spec.attestation.platform_key, realm::kPlatformKeyFile);
    add_key(spec.attestation.realm_key, realm::kRealmKeyFile);
    const std::string config = realm::write_config(spec, "kernel", initrd);
    request.files.push_back({kConfig, shared_bytes(as_bytes(config))});
}

/// What the rvmm inside looks after. The whole run's time is kept here.
void add_watch(const WatchSpec& watch, std::vector<std::string>& argv) {
    if (watch.boot_limit)
        argv.push_back(fmt::format("--boot-timeout={:.9f}",
                                   std::chrono::duration<double>(*watch.boot_limit).count()));
    for (const Expectation& wanted : watch.expect) {
        argv.push_back("--expect=" + wanted.pattern.text());
        if (!wanted.send.empty()) argv.push_back("--send=" + escape(wanted.send));
    }
    for (const Pattern& pattern : watch.fail_on) argv.push_back("--fail-on=" + pattern.text());
    if (watch.end_when_met) argv.emplace_back("--end-when-met");
    if (!watch.panic_ends) argv.emplace_back("--keep-after-panic");
}

std::vector<std::string> command(const realm::LaunchPlan& plan, const RunRequest& request) {
    std::vector<std::string> argv = {"rvmm", "run", kConfig, "--inside-lab", "--report", kReport};
    add_watch(request.watch, argv);
    if (!request.profiles.empty()) argv.insert(argv.end(), {"--profiles", kProfiles});
    if (request.challenge)
        argv.insert(argv.end(), {"--token", kToken, "--challenge", to_hex(*request.challenge)});
    if (request.events->heard()) argv.insert(argv.end(), {"--events", kEvents});
    if (plan.is_realm())
        argv.insert(argv.end(), {"--host", std::string(to_string(request.lab.machine.realms))});
    return argv;
}

/// Joins our control socket, if there is one, to one of the rvmm inside.
void add_control(RunControl& control, const std::string& rim, lab::LabRequest& request) {
    if (control.socket() < 0) return;
    request.argv.insert(request.argv.end(), {"--control", kControl, "--name", control.name()});
    request.sockets.push_back(
        {control.socket(), kControl, [&control, rim] { control.set_answers(rim); }});
}

/// Our report: the inner one, with where it came from. Errors: it is missing or says another RIM.
Result<std::string> finish_report(const lab::LabOutcome& outcome, const realm::LaunchPlan& plan,
                                  const std::string& rim, const ConsoleLines& console) {
    const auto found = outcome.collected.find(kReport);
    if (found == outcome.collected.end()) {
        if (!outcome.timed_out) return std::string();
        RunReport report;
        report.outcome = {RunOutcome::Kind::kTimeLimit, 0, std::string(kTimeIsUp)};
        report.console_tail = console.last();
        return make_report(plan, {RunsOn::kLab}, rim, report);
    }
    const auto* text = reinterpret_cast<const char*>(found->second.data());
    auto json = nlohmann::ordered_json::parse(text, text + found->second.size(), nullptr, false);
    if (!json.is_object() || !json["milliseconds"].is_object())
        return fail(Stage::kInternal, "the lab's report is none");
    const auto inner = json.find("rim");
    if (const std::string said = inner != json.end() && inner->is_string() ? *inner : "";
        said != rim)
        return fail(Stage::kInternal, "the lab measured RIM {}, the plan says {}", said, rim);
    json["host"] = to_string(RunsOn::kLab);
    json["emulated"] = plan.is_realm();  // a real realm of an emulated machine is no better
    json["milliseconds"]["lab_boot"] = outcome.boot_seconds * 1000;
    return json.dump();
}

/// What the lab is told to do, but for who listens to it.
lab::LabRequest make_lab_request(const realm::LaunchPlan& plan, const RunRequest& request,
                                 const lab::LabConfig& config, const LabDevices& devices) {
    lab::LabRequest in_lab;
    in_lab.argv = command(plan, request);
    add_images(plan, devices.spec, in_lab);
    in_lab.disks = devices.disks;
    in_lab.network = devices.network;
    if (!request.profiles.empty())
        in_lab.files.push_back({kProfiles, shared_bytes(as_bytes(request.profiles))});
    in_lab.collect = {kReport, kToken};
    for (const auto& [inside, file] : devices.files) in_lab.collect.push_back(inside);
    in_lab.console = realm::uses_stdio(plan.spec()) ? lab::Console::kSerial : lab::Console::kPipes;
    // The guest's memory, twice where it shares all of it, and what the lab itself needs.
    if (!config.machine.memory)
        in_lab.memory = std::max(kLabMemory, 2 * plan.spec().machine.memory + kLabItself);
    in_lab.output_to_stderr = request.console_to_stderr;
    in_lab.deadline = request.watch.deadline;
    if (request.events->heard()) {
        in_lab.follow = kEvents;
        in_lab.on_line = [&events = *request.events](std::string_view line) { events.relay(line); };
    }
    return in_lab;
}

/// What the lab's files are to us: consoles' files, and the token.
Result<> take_files(const lab::LabOutcome& outcome, LabDevices& devices, RunResult& result) {
    for (auto& [inside, file] : devices.files) {
        const auto found = outcome.collected.find(inside);
        if (found == outcome.collected.end()) continue;
        file.keep();
        RVMM_CHECK(write_all(Stage::kLaunch, file.fd(), found->second, inside));
    }
    if (const auto token = outcome.collected.find(kToken); token != outcome.collected.end())
        result.token.emplace(token->second.begin(), token->second.end());
    return {};
}

}  // namespace

Result<RunResult> run_in_lab_host(const realm::LaunchPlan& plan, const RunRequest& request) {
    request.events->phase(Phase::kLab);
    ServiceNotifier service;
    service.status("host lab, launching");
    RVMM_TRY(const auto config, lab::LabConfig::find(request.lab));
    RVMM_TRY(auto devices, devices_in_lab(plan.spec()));
    lab::LabRequest in_lab = make_lab_request(plan, request, config, devices);
    RVMM_TRY(const auto rim, request.rim());
    RVMM_TRY(auto log, ConsoleLog::create(request.console_log));
    ConsoleLines console;
    in_lab.output_tap = [&](ByteSpan bytes) {
        console.feed(bytes, [](std::string_view) {});
        log.add(bytes);
    };
    in_lab.service = &service;
    RVMM_TRY(const auto control, RunControl::create(plan, request.control, RunsOn::kLab));
    add_control(*control, to_hex(rim), in_lab);
    if (::isatty(STDERR_FILENO) == 1) note("booting the lab, some seconds");
    const auto ran = lab::run_in_lab(config, in_lab);
    request.events->phase(Phase::kShutdown);
    service.stopping("host lab, ending");
    RVMM_TRY(const auto& outcome, ran);
    log.keep();
    if (outcome.timed_out) warn("{}, and the guest had not started or did not stop", kTimeIsUp);
    RunResult result;
    result.host = RunsOn::kLab;
    result.exit_code = outcome.exit_code;
    RVMM_CHECK(take_files(outcome, devices, result));
    RVMM_TRY(result.report, finish_report(outcome, plan, to_hex(rim), console));
    return result;
}

}  // namespace rvmm::vmm
