// A VM with everything that KVM has of it, before its first vCPU enters.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "realm/plan/launch_plan.hpp"
#include "vmm/hosts/guest_kind.hpp"
#include "vmm/kvm/vm.hpp"

namespace rvmm::vmm {

struct BuiltVm {
    std::unique_ptr<kvm::Vm> vm;   // stays where it is
    std::vector<kvm::Vcpu> vcpus;  // in the order of their indices
};

/// Called while images are put into a guest's memory. Bytes of them, and of all of them.
using PopulateProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Adds up what populate steps have done.
class PopulateMeter {
  public:
    PopulateMeter(const realm::LaunchPlan& plan, PopulateProgress progress);
    void add(std::uint64_t bytes);

  private:
    PopulateProgress progress_;
    std::uint64_t done_ = 0;
    std::uint64_t total_ = 0;
};

/// Builds an ordinary VM as the plan says: `guest`'s memory with the images in it, vCPUs, the GIC,
/// and the calls that come to userspace. Seals the memory.
Result<BuiltVm> build_vm(const realm::LaunchPlan& plan, const kvm::System& system,
                         LoadedGuest& guest, PopulateProgress progress = {});

// What the launch of a realm on a CCA host does in the same way.

/// The vCPU, which is initialised, has the MPIDR that the device tree says.
Result<> check_mpidr(const kvm::Vcpu& vcpu, const realm::CreateRecStep& step);
/// What a runnable vCPU begins with.
Result<> set_entry(kvm::Vcpu& vcpu, const realm::CreateRecStep& step);
/// The board's GIC, its frames at their addresses | `alias`. After all vCPUs.
Result<> create_gic(kvm::Vm& vm, const realm::Board& board, std::uint64_t alias);

}  // namespace rvmm::vmm
