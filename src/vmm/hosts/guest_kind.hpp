// What differs between the kinds of guest that a machine runs: an ordinary VM, an emulated realm.
#pragma once

#include <span>
#include <variant>

#include "base/address.hpp"
#include "rmi/smc.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/machine/outcome.hpp"
#include "vmm/memory/memory.hpp"

namespace rvmm::vmm {

/// The registers hold the answer: enter again.
struct Answered {};
/// vCPU `target` starts at `entry` with X0 = `context`; the caller is answered.
struct StartCpu {
    std::size_t target;
    Ipa entry;
    std::uint64_t context;
};
/// The calling vCPU stops until it is started again.
struct StopCpu {};
/// The guest says that it is up; the caller is answered.
struct GuestReady {};
using CallReply = std::variant<Answered, StartCpu, StopCpu, GuestReady, RunOutcome>;

/// Every method but counters() is called by the machine while it is built, or by vCPU threads.
class GuestKind {
  public:
    virtual ~GuestKind() = default;

    virtual unsigned ipa_bits() const = 0;
    virtual Memory& memory() = 0;
    /// The address at which KVM must see a device that the board has at `plain`.
    virtual Ipa registered(Ipa plain) const = 0;
    /// The board's address for one that the guest touched.
    virtual Ipa plain(Ipa touched) const = 0;
    /// The SMCCC calls that are answered here and not by KVM.
    virtual std::span<const kvm::SmcccRange> forwarded() const = 0;
    /// Answers one of them. Errors end the run.
    virtual Result<CallReply> call(std::size_t vcpu, rmi::SmcRegisters& registers, bool is_smc) = 0;
    /// Adds what was counted about memory.
    virtual void add_counters(RunCounters& counters) const = 0;
};

}  // namespace rvmm::vmm
