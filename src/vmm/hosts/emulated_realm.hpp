// A realm emulated in an ordinary VM: rvmm answers the RSI calls from a software RMM and keeps the
// realm's private and shared memory apart. No hardware protects anything here.
//
// Facts: shared "Realms on ordinary arm64 KVM: what was tried, and the traps".
#pragma once

#include <mutex>
#include <optional>

#include "realm/plan/launch_plan.hpp"
#include "realm/rmm/software_rmm.hpp"
#include "vmm/hosts/guest_kind.hpp"
#include "vmm/hosts/host_calls.hpp"
#include "vmm/memory/split_memory.hpp"

namespace rvmm::vmm {

class EmulatedRealm final : public LoadedGuest {
  public:
    /// The plan is a realm's, `rim` is what it measures to. `console` and `tokens` outlive it;
    /// `tokens` as in HostCalls.
    static Result<std::unique_ptr<EmulatedRealm>> create(const realm::LaunchPlan& plan,
                                                         const measure::Digest& rim,
                                                         devices::ByteSink& console,
                                                         TokenExchange* tokens = nullptr);

    unsigned ipa_bits() const override { return ipa_bits_; }
    Memory& memory() override { return *memory_; }
    /// KVM does not know the shared bit here, and the guest touches devices with the bit set.
    std::uint64_t alias() const override { return shared_bit(); }
    std::uint64_t shared_bit() const override { return std::uint64_t{1} << (ipa_bits_ - 1); }
    void stop_waiting() override { memory_->stop_waiting(); }
    Ipa plain(Ipa touched) const override { return Ipa{touched.value & ~shared_bit()}; }
    std::span<const kvm::SmcccRange> forwarded() const override;
    Result<CallReply> call(std::size_t vcpu, rmi::SmcRegisters& registers, bool is_smc) override;
    void add_counters(RunCounters& counters) const override;
    RealmFacts facts(std::size_t max_runs) const override;

  private:
    EmulatedRealm(unsigned ipa_bits, std::unique_ptr<SplitMemory> memory, realm::SoftwareRmm rmm,
                  devices::ByteSink& console, TokenExchange* tokens)
        : ipa_bits_(ipa_bits),
          memory_(std::move(memory)),
          rmm_(std::move(rmm)),
          host_calls_(memory_->shared(), console, tokens) {}
    /// The answer of the RMM, whose lock is `lock`. May wait without it.
    Result<realm::SmcOutcome> outcome_of(std::size_t vcpu, rmi::SmcRegisters& registers,
                                         std::unique_lock<std::mutex>& lock,
                                         std::optional<LeaseTable::Exclusion>& exclusion);
    Result<CallReply> serve(const realm::IpaStateChange& change, rmi::SmcRegisters& registers);
    Result<CallReply> serve(const realm::HostCallRequest& call, rmi::SmcRegisters& registers);

    unsigned ipa_bits_;
    std::unique_ptr<SplitMemory> memory_;
    mutable std::mutex mutex_;  // the software RMM answers one call at a time
    realm::SoftwareRmm rmm_;
    HostCalls host_calls_;
};

}  // namespace rvmm::vmm
