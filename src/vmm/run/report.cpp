#include "vmm/run/report.hpp"

#include <nlohmann/json.hpp>

#include "base/version.hpp"

namespace rvmm::vmm {

std::string make_report(const realm::LaunchPlan& plan, const RanOn& host, const std::string& rim,
                        const RunReport& report) {
    nlohmann::ordered_json json;
    json["tool"] = fmt::format("rvmm {}", kVersion);
    json["host"] = to_string(host.kind);
    if (!host.revision.empty()) json["revision"] = host.revision;
    json["emulated"] = host.kind == RunsOn::kEmulated;
    json["realm"] = plan.is_realm();
    if (plan.is_realm()) {
        json["profile"] = plan.profile()->name;
        json["hash"] = measure::to_string(plan.spec().realm->hash);
        json["rim"] = rim;
    }
    json["outcome"] = to_string(report.outcome.kind);
    json["exit_code"] = report.outcome.exit_code();
    if (!report.outcome.detail.empty()) json["detail"] = report.outcome.detail;
    json["milliseconds"] = {{"launch", report.launch_ms}, {"total", report.total_ms}};
    if (report.ready_ms) json["milliseconds"]["ready"] = *report.ready_ms;
    const RunCounters& counters = report.counters;
    json["exits"] = {{"mmio", counters.mmio_exits},
                     {"calls", counters.hypercall_exits},
                     {"memory_faults", counters.memory_fault_exits},
                     {"other", counters.other_exits},
                     {"unclaimed_mmio", counters.unclaimed_mmio}};
    json["memory"] = {{"conversions", counters.conversions},
                      {"converted_bytes", counters.converted_bytes},
                      {"refused_accesses", counters.refused_accesses}};
    return json.dump();
}

}  // namespace rvmm::vmm
