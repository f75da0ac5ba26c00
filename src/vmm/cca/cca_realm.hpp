// A realm on a CCA host as it runs: the guest that the machine serves.
#pragma once

#include <vector>

#include "vmm/cca/launch.hpp"
#include "vmm/hosts/guest_kind.hpp"
#include "vmm/hosts/host_calls.hpp"

namespace rvmm::vmm::cca {

class CcaRealm final : public GuestKind {
  public:
    /// `console` and `tokens` (as in HostCalls) outlive it. The realm's VM has been taken, or will
    /// be.
    CcaRealm(RunningRealm realm, std::size_t vcpus, devices::ByteSink& console,
             TokenExchange* tokens = nullptr)
        : realm_(std::move(realm)), host_calls_(realm_.memory(), console, tokens), faults_(vcpus) {}

    BuiltVm take_vm() { return realm_.take_vm(); }

    devices::SharedMemory& shared_memory() override { return realm_.memory(); }
    std::uint64_t shared_bit() const override { return realm_.memory().shared_bit(); }
    void stop_waiting() override { realm_.memory().stop_waiting(); }

    /// Host calls. The kernel answers everything else, PSCI too, and completes it with the RMM.
    Result<CallReply> call(std::size_t vcpu, rmi::SmcRegisters& registers, bool is_smc) override;
    /// A change of RIPAS that the guest asks for, or a page that is in the other half: both mean
    /// that pages are to become what the fault says. A fault that comes again and again though
    /// there is nothing left to convert ends the run.
    Result<CallReply> memory_fault(std::size_t vcpu, const kvm::MemoryFaultExit& fault) override;
    std::string explain(const kvm::FailedExit& failed) const override;
    void add_counters(RunCounters& counters) const override;

  private:
    /// A vCPU's last fault, and how often it came in a row without anything to do. Its own
    /// thread's.
    struct LastFault {
        std::uint64_t flags = 0;
        IpaRange range = {};
        unsigned idle = 0;
    };

    RunningRealm realm_;
    HostCalls host_calls_;
    std::vector<LastFault> faults_;
};

}  // namespace rvmm::vmm::cca
