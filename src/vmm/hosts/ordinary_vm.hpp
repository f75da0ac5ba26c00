// An ordinary VM on local KVM.
#pragma once

#include "realm/plan/launch_plan.hpp"
#include "vmm/hosts/guest_kind.hpp"
#include "vmm/hosts/host_calls.hpp"
#include "vmm/memory/plain_memory.hpp"

namespace rvmm::vmm {

class OrdinaryVm final : public LoadedGuest {
  public:
    /// `console` outlives it.
    static Result<std::unique_ptr<OrdinaryVm>> create(const realm::LaunchPlan& plan,
                                                      devices::ByteSink& console);

    unsigned ipa_bits() const override { return 40; }
    Memory& memory() override { return *memory_; }
    std::span<const kvm::SmcccRange> forwarded() const override;
    Result<CallReply> call(std::size_t vcpu, rmi::SmcRegisters& registers, bool is_smc) override;
    void add_counters(RunCounters&) const override {}

  private:
    OrdinaryVm(std::unique_ptr<PlainMemory> memory, devices::ByteSink& console)
        : memory_(std::move(memory)), host_calls_(memory_->shared(), console) {}
    std::unique_ptr<PlainMemory> memory_;
    HostCalls host_calls_;
};

}  // namespace rvmm::vmm
