// The launch of a realm on a CCA host as types, each made of the one before:
//
//   LaunchPlan ──▶ PopulatedRealm ──activate()──▶ RunningRealm
//
// A failure is final: what was built is gone with the object, and nothing is tried twice.
#pragma once

#include <memory>

#include "realm/plan/launch_plan.hpp"
#include "vmm/cca/guest_memory.hpp"
#include "vmm/cca/realm_calls.hpp"
#include "vmm/cca/realm_vm.hpp"
#include "vmm/machine/built_vm.hpp"

namespace rvmm::vmm::cca {

/// A realm that may run: nothing about it can change any more but by the realm itself.
class RunningRealm {
  public:
    const HostFinding& host() const { return host_; }
    /// Outlives the VM that is taken.
    GuestMemory& memory() const { return *memory_; }
    /// The VM and its vCPUs, once.
    BuiltVm take_vm() { return std::move(built_); }

  private:
    friend class PopulatedRealm;
    RunningRealm(HostFinding host, std::unique_ptr<GuestMemory> memory, BuiltVm built)
        : host_(std::move(host)), memory_(std::move(memory)), built_(std::move(built)) {}

    HostFinding host_;
    std::unique_ptr<GuestMemory> memory_;
    BuiltVm built_;
};

/// A realm with its vCPUs, its GIC and everything populated that the plan populates; in revisions
/// where rvmm does those steps, with its RIPAS and RECs too. Not yet measured to an end.
class PopulatedRealm {
  public:
    /// Does every step of `plan` that comes before activation and is not the kernel's own. Errors:
    /// Stage::kHostCannot where the host cannot give what the plan asks for (nothing has been built
    /// then); Stage::kLaunch where a step failed: the step, the page and its address, the kernel's
    /// answer, and, as advice, what usually causes it.
    static Result<PopulatedRealm> create(const realm::LaunchPlan& plan, RealmVm vm,
                                         PopulateProgress progress = {});

    /// Activates it. Errors as of create().
    Result<RunningRealm> activate() &&;

  private:
    PopulatedRealm(std::unique_ptr<RealmVm> vm, std::vector<kvm::Vcpu> vcpus,
                   std::unique_ptr<GuestMemory> memory, std::unique_ptr<RealmCalls> calls)
        : vm_(std::move(vm)),
          memory_(std::move(memory)),
          calls_(std::move(calls)),
          vcpus_(std::move(vcpus)) {}

    // calls_ refers to the two before it; the vCPUs go first.
    std::unique_ptr<RealmVm> vm_;
    std::unique_ptr<GuestMemory> memory_;
    std::unique_ptr<RealmCalls> calls_;
    std::vector<kvm::Vcpu> vcpus_;
};

}  // namespace rvmm::vmm::cca
