// The JSON document that `rvmm run --json` prints.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "realm/plan/launch_plan.hpp"
#include "vmm/hosts/host_facts.hpp"
#include "vmm/machine/outcome.hpp"

namespace rvmm::vmm {

struct RanOn {
    RunsOn kind;
    std::string revision = {};  // of KVM's realm interface; empty but for real realms
};

/// One line, keys in a fixed order. `rim` is hex, empty for an ordinary VM.
std::string make_report(const realm::LaunchPlan& plan, const RanOn& host, const std::string& rim,
                        const RunReport& report);

/// The part of it that is counted: "exits", "memory" and, if there are any, "devices".
nlohmann::ordered_json counted(const RunCounters& counters,
                               const std::vector<DeviceReport>& devices);

/// The counters of such a report for a person, a line each; nothing if it is none.
std::vector<std::string> stats_of(const std::string& report);

}  // namespace rvmm::vmm
