// The JSON document that `rvmm run --json` prints.
#pragma once

#include <string>

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

}  // namespace rvmm::vmm
