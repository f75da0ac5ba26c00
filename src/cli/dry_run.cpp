#include "cli/dry_run.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/exit_code.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "cli/output.hpp"
#include "realm/plan/measurement.hpp"

namespace rvmm::cli {
namespace {

using nlohmann::ordered_json;
using realm::HostKind;
using vmm::RunsOn;

struct PassedOver {
    std::string_view host;
    std::string why;
};

bool is_protected(const DryRun& run) {
    return !run.plan.is_realm() || run.choice.host == RunsOn::kCca;
}

/// The kinds of host that would have been taken before the one that was chosen.
std::vector<PassedOver> passed_over(const DryRun& run) {
    std::vector<PassedOver> passed;
    const vmm::HostFacts& facts = run.choice.facts;
    const auto pass = [&](std::string_view host, const std::optional<vmm::Obstacle>& obstacle) {
        if (obstacle) passed.push_back({host, obstacle->why});
    };
    if (run.wishes.host) return passed;
    if (!run.plan.is_realm()) {
        if (run.choice.host == RunsOn::kLab) pass("vm", facts.local_kvm);
        return passed;
    }
    for (const auto& [host, kind] :
         {std::pair(RunsOn::kCca, HostKind::kCca), {RunsOn::kEmulated, HostKind::kEmulated}}) {
        if (run.choice.host == host) break;
        const auto& allow = run.plan.spec().host.allow;
        const bool allowed = std::ranges::find(allow, kind) != allow.end() ||
                             (run.wishes.emulate && kind == HostKind::kEmulated);
        const auto& emulated = facts.local_kvm ? facts.local_kvm : facts.smc;
        if (allowed)
            pass(to_string(kind), kind == HostKind::kCca ? facts.cca : emulated);
        else
            passed.push_back({to_string(kind), "it is not allowed"});
    }
    return passed;
}

std::string_view in_words(const DryRun& run) {
    switch (run.choice.host) {
        case RunsOn::kLocalVm:
            return "an ordinary VM on this machine";
        case RunsOn::kCca:
            return "a real realm on this machine";
        case RunsOn::kEmulated:
            return "an EMULATED realm on this machine: nothing protects it";
        case RunsOn::kLab:
            break;
    }
    if (!run.plan.is_realm()) return "an ordinary VM in a lab";
    return run.lab.machine.realms == vmm::lab::LabRealms::kCca
               ? "a real realm on an EMULATED machine, a lab: nothing protects it"
               : "an EMULATED realm in a lab: nothing protects it";
}

std::string blob_line(const realm::Blob& blob) {
    return fmt::format("  {:<7} {:#x}  {} bytes of {}\n", to_string(blob.kind), blob.base.value,
                       blob.source_size(), blob.source_name());
}

ordered_json blobs_of(const realm::LaunchPlan& plan) {
    ordered_json blobs = ordered_json::array();
    for (const realm::Blob& blob : plan.layout().blobs)
        blobs.push_back({{"what", to_string(blob.kind)},
                         {"source", blob.source_name()},
                         {"base", hex(blob.base.value)},
                         {"size", blob.range().size()},
                         {"source_size", blob.source_size()}});
    return blobs;
}

/// Options of `rvmm run` that write a file, or ask for what only a run has.
constexpr const char* kOfRunsAlone[] = {"--report",  "--measurement-log", "--token",
                                        "--record",  "--console-log",     "--stats",
                                        "--control", "--events",          "--junit"};

}  // namespace

std::string dry_run_text(const DryRun& run) {
    const realm::LaunchPlan& plan = run.plan;
    const IpaRange ram = plan.board().ram;
    std::string text =
        fmt::format("host        {}, {}\n", to_string(run.choice.host), in_words(run));
    for (const auto& [host, why] : passed_over(run))
        text += fmt::format("            not {}: {}\n", host, why);
    text += fmt::format("vCPUs       {}\nmemory      {} at {:#x}\n", plan.board().cpus.size(),
                        format_size(ram.size()), ram.base().value);
    if (plan.is_realm()) return text + to_text(realm::make_measurement(plan, run.folded));
    text += "loaded:\n";
    for (const realm::Blob& blob : plan.layout().blobs) text += blob_line(blob);
    return text;
}

std::string dry_run_json(const DryRun& run) {
    const realm::LaunchPlan& plan = run.plan;
    ordered_json json;
    json["tool"] = fmt::format("rvmm {}", kVersion);
    json["dry_run"] = true;
    json["host"] = to_string(run.choice.host);
    json["emulated"] = !is_protected(run);
    json["not"] = ordered_json::array();
    for (const auto& [host, why] : passed_over(run))
        json["not"].push_back({{"host", host}, {"why", why}});
    json["realm"] = plan.is_realm();
    if (plan.is_realm()) {
        json["profile"] = plan.profile()->name;
        json["hash"] = measure::to_string(plan.spec().realm->hash);
        json["rim"] = to_hex(run.folded.rim);
    }
    const IpaRange ram = plan.board().ram;
    json["vcpus"] = plan.board().cpus.size();
    json["memory"] = {{"base", hex(ram.base().value)}, {"size", ram.size()}};
    json["images"] = blobs_of(plan);
    if (plan.is_realm())
        json["measurement"] =
            ordered_json::parse(to_json(realm::make_measurement(plan, run.folded)));
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<int> print_dry_run(const DryRun& run, bool json) {
    RVMM_CHECK(print(json ? dry_run_json(run) : dry_run_text(run), "the plan"));
    return to_int(ExitCode::kShutdown);
}

void add_dry_run_option(CLI::App& command, bool& dry_run) {
    CLI::Option* option = command.add_flag(
        "--dry-run", dry_run,
        "Only say what would be launched, where, and its RIM; with --json: one JSON document");
    for (const char* name : kOfRunsAlone) option->excludes(command.get_option(name));
}

}  // namespace rvmm::cli
