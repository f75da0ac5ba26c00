// What differs between the kinds of guest that a machine runs: an ordinary VM, an emulated realm, a
// realm.
#pragma once

#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <variant>

#include "base/address.hpp"
#include "rmi/smc.hpp"
#include "vmm/hosts/realm_facts.hpp"
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

/// A guest that runs. Thread-safe.
class GuestKind {
  public:
    GuestKind() = default;
    GuestKind(const GuestKind&) = delete;
    GuestKind& operator=(const GuestKind&) = delete;
    virtual ~GuestKind() = default;

    /// `converted` is called once, from any thread, when the guest has first shared memory, or made
    /// it private. Before the guest runs.
    void on_first_conversion(std::function<void()> converted) { converted_ = std::move(converted); }

    /// What devices can reach. Lives as long as this object.
    virtual devices::SharedMemory& shared_memory() = 0;
    /// The bit that a realm's guest sets in addresses of what it does not trust; 0: there is none.
    virtual std::uint64_t shared_bit() const { return 0; }
    /// Bits that KVM must see in the addresses of the board's devices.
    virtual std::uint64_t alias() const { return 0; }
    /// The machine stops: no vCPU waits for a device from here on.
    virtual void stop_waiting() {}

    /// The board's address for one that the guest touched.
    virtual Ipa plain(Ipa touched) const { return touched; }
    /// Answers an SMCCC call that KVM hands over. Errors end the run.
    virtual Result<CallReply> call(std::size_t vcpu, rmi::SmcRegisters& registers, bool is_smc) = 0;
    /// Makes memory what the guest wants it to be; the vCPU then tries again. Errors end the run.
    virtual Result<CallReply> memory_fault(std::size_t vcpu, const kvm::MemoryFaultExit& fault);
    /// What KVM's refusal to go on means, one clause; empty where nothing is known about it.
    virtual std::string explain(const kvm::FailedExit&) const { return {}; }
    /// Adds what was counted about memory. From the loop.
    virtual void add_counters(RunCounters& counters) const = 0;
    /// What this host knows of the realm as it is now, with at most `max_runs` runs of RAM.
    virtual RealmFacts facts(std::size_t max_runs) const {
        static_cast<void>(max_runs);
        return {};
    }

  protected:
    void note_conversion() {
        std::call_once(first_conversion_, [this] {
            if (converted_) converted_();
        });
    }

  private:
    std::once_flag first_conversion_;
    std::function<void()> converted_;
};

/// A guest of an ordinary VM: rvmm writes its memory and answers some of its calls.
class LoadedGuest : public GuestKind {
  public:
    virtual unsigned ipa_bits() const = 0;
    virtual Memory& memory() = 0;
    devices::SharedMemory& shared_memory() override { return memory().shared(); }
    /// The SMCCC calls that are answered here and not by KVM.
    virtual std::span<const kvm::SmcccRange> forwarded() const = 0;
};

}  // namespace rvmm::vmm
