#include "vmm/run/report.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/version.hpp"

namespace rvmm::vmm {
namespace {

/// "exits: mmio 12, calls 3"; a name is not repeated.
std::string stats_line(const std::string& title, const nlohmann::ordered_json& counters) {
    std::string line;
    for (const auto& [name, value] : counters.items()) {
        if (name == "name") continue;
        std::string words = name;
        std::ranges::replace(words, '_', ' ');
        line += fmt::format("{} {} {}", line.empty() ? "" : ",", words,
                            value.is_string() ? value.get<std::string>() : value.dump());
    }
    return title + ":" + line;
}

}  // namespace

nlohmann::ordered_json counted(const RunCounters& counters,
                               const std::vector<DeviceReport>& devices) {
    nlohmann::ordered_json json;
    json["exits"] = {{"mmio", counters.mmio_exits},
                     {"calls", counters.hypercall_exits},
                     {"memory_faults", counters.memory_fault_exits},
                     {"other", counters.other_exits},
                     {"unclaimed_mmio", counters.unclaimed_mmio}};
    json["memory"] = {{"conversions", counters.conversions},
                      {"converted_bytes", counters.converted_bytes},
                      {"shared_bytes", counters.shared_bytes},
                      {"refused_accesses", counters.refused_accesses}};
    for (const DeviceReport& device : devices) {
        nlohmann::ordered_json entry = {{"name", device.name}};
        for (const auto& [name, value] : device.counters) entry[name] = value;
        if (!device.last_error.empty()) entry["last_error"] = device.last_error;
        json["devices"].push_back(std::move(entry));
    }
    return json;
}

std::string make_report(const realm::LaunchPlan& plan, const RanOn& host, const std::string& rim,
                        const RunReport& report) {
    nlohmann::ordered_json json;
    json["tool"] = fmt::format("rvmm {}", kVersion);
    json["host"] = to_string(host.kind);
    if (!host.revision.empty()) json["revision"] = host.revision;
    json["emulated"] =
        host.kind == RunsOn::kEmulated || (host.kind == RunsOn::kLab && plan.is_realm());
    json["realm"] = plan.is_realm();
    if (plan.is_realm()) {
        json["profile"] = plan.profile()->name;
        json["hash"] = measure::to_string(plan.spec().realm->hash);
        json["rim"] = rim;
    }
    json["outcome"] = to_string(report.outcome.kind);
    json["exit_code"] = report.outcome.exit_code();
    if (!report.outcome.detail.empty()) json["detail"] = report.outcome.detail;
    if (report.expected != 0) json["expected"] = {{"met", report.met}, {"of", report.expected}};
    if (!report.console_tail.empty()) json["console_tail"] = report.console_tail;
    if (!report.last_exits.empty()) json["last_exits"] = report.last_exits;
    json["milliseconds"] = {{"launch", report.launch_ms}, {"total", report.total_ms}};
    if (report.ready_ms) json["milliseconds"]["ready"] = *report.ready_ms;
    json.update(counted(report.counters, report.devices));
    return json.dump();
}

std::vector<std::string> stats_of(const std::string& report) {
    std::vector<std::string> lines;
    const auto json = nlohmann::ordered_json::parse(report, nullptr, false);
    if (!json.is_object()) return lines;
    for (const char* part : {"milliseconds", "exits", "memory"})
        if (json.contains(part)) lines.push_back(stats_line(part, json[part]));
    if (json.contains("devices"))
        for (const auto& device : json["devices"])
            lines.push_back(stats_line(device.value("name", ""), device));
    return lines;
}

}  // namespace rvmm::vmm
