// The vCPUs of a realm: its parameters that are registers of theirs (SVE vector length,
// watchpoints, PMU counters), and the check of those that are the host's.
#pragma once

#include <vector>

#include "realm/plan/launch_plan.hpp"
#include "vmm/cca/realm_vm.hpp"

namespace rvmm::vmm::cca {

/// Makes and initialises all vCPUs of `plan`, whose realm has `parameters`. Errors:
/// Stage::kHostCannot where the host's breakpoints, watchpoints, vector lengths or PMU counters
/// are not what the plan is measured with, before a second vCPU is made; Stage::kLaunch where KVM
/// refuses.
Result<std::vector<kvm::Vcpu>> create_vcpus(const realm::LaunchPlan& plan, RealmVm& vm);

/// What a vCPU of this host can be: for people, and for the checks.
struct CpuFacts {
    unsigned breakpoints = 0;                // counts
    unsigned watchpoints = 0;                // the most that there can be
    std::vector<unsigned> sve_lengths = {};  // bits, ascending; none without SVE
    unsigned pmu_counters = 0;               // the most; 0 where a realm cannot have a PMU
};

/// Looks at the host through vCPU 0 of a VM that is not launched.
Result<CpuFacts> cpu_facts(RealmVm& vm);

}  // namespace rvmm::vmm::cca
