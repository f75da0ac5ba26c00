// The machine: a VM with the board's devices, its vCPU threads, and the loop that runs it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include "realm/plan/launch_plan.hpp"
#include "vmm/console/console.hpp"
#include "vmm/hosts/guest_kind.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/machine/built_vm.hpp"
#include "vmm/machine/device_set.hpp"
#include "vmm/machine/outcome.hpp"
#include "vmm/machine/vcpu_thread.hpp"

namespace rvmm::vmm {

/// What somebody wants to know at once. All of it is called from the loop.
struct MachineObserver {
    std::function<void()> first_entry = [] {};          // the first vCPU is about to enter
    std::function<void()> first_conversion = [] {};     // memory was shared, or made private
    std::function<void()> ready = [] {};                // the guest says that it is up
    std::function<void(bool held)> held = [](bool) {};  // by pause(), and let go again
    std::function<void(const Result<RunOutcome>&)> ending = [](const Result<RunOutcome>&) {};
};

class Machine {
  public:
    /// Makes the board's devices and a thread for each vCPU; nothing runs yet. `guest`, `loop`,
    /// `console` and `tokens` (as in HostCalls) outlive the machine.
    static Result<std::unique_ptr<Machine>> create(const realm::LaunchPlan& plan, BuiltVm built,
                                                   GuestKind& guest, asio::io_context& loop,
                                                   ConsoleOutput& console,
                                                   TokenExchange* tokens = nullptr);
    ~Machine();

    /// From the loop.
    DeviceSet& devices() { return *devices_; }
    const GuestKind& guest() const { return guest_; }

    /// Before run().
    void observe(MachineObserver observer) { observers_.push_back(std::move(observer)); }

    /// Starts the vCPUs and runs the loop until the guest or a signal ends it. Once.
    Result<RunReport> run();
    /// Ends the run with this outcome, if nothing has ended it yet. From the loop.
    void end(RunOutcome outcome);
    bool is_ending() const { return ended_.has_value(); }

    /// The guest is up, as far as it says so. From the loop.
    bool is_ready() const { return ready_.has_value(); }
    void note_ready();

    /// Asks the guest to power itself off (SIGPWR does the same). From the loop.
    void press_power_key();

    /// Holds all vCPUs between two entries; `done` is called from the loop when none runs any more,
    /// or when resume() comes first. Devices finish what they have begun. Errors (Stage::kGuest):
    /// the guest is ending. While run() runs, from the loop.
    Result<> pause(std::function<void()> done);
    /// Does nothing once the guest is ending.
    void resume();
    bool is_paused() const { return pause_ == Pause::kHeld; }

    /// What has been counted so far. From the loop.
    RunCounters counters() const;
    /// The host's thread of each vCPU; 0 before run().
    std::vector<int> thread_ids() const;

    /// vCPU 0's registers, before run().
    kvm::Vcpu& first_vcpu() { return threads_.front()->vcpu(); }

  private:
    Machine(BuiltVm built, GuestKind& guest, asio::io_context& loop, ConsoleOutput& console);
    void tell(const std::function<void(const MachineObserver&)>& what) const;
    void wait_for_power_key();
    void start_cpu(const StartCpu& request);
    bool serve(kvm::Vcpu& vcpu, const kvm::Exit& exit);
    bool serve_mmio(kvm::Vcpu& vcpu, const kvm::MmioExit& exit);
    bool serve_call(kvm::Vcpu& vcpu, const kvm::HypercallExit& exit);
    bool serve_event(const kvm::SystemEventExit& event);
    bool finish_call(kvm::Vcpu& vcpu, Result<CallReply> reply);
    bool panic(std::string detail);
    std::string describe(const kvm::Vcpu& vcpu, const kvm::FailedExit& failed) const;
    void expect_end();
    void vcpu_held(std::uint64_t pause);
    bool end_from_vcpu(Result<RunOutcome> outcome);
    void stop_vcpus();

    // The order matters: what threads use goes after they are joined.
    std::unique_ptr<kvm::Vm> vm_;
    GuestKind& guest_;
    asio::io_context& loop_;
    ConsoleOutput& console_;
    std::vector<MachineObserver> observers_;
    std::unique_ptr<DeviceSet> devices_;
    std::optional<Result<RunOutcome>> ended_;
    std::chrono::steady_clock::time_point started_;
    std::optional<std::chrono::steady_clock::time_point> ready_;
    asio::signal_set signals_;  // those that end the run
    asio::signal_set power_signal_;
    asio::steady_timer grace_;
    enum class Pause : std::uint8_t { kNone, kBegun, kHeld, kRefused };
    Pause pause_ = Pause::kNone;
    std::uint64_t pauses_ = 0;  // a vCPU's answer may come when its pause is over
    std::size_t not_held_ = 0;
    std::vector<std::function<void()>> pause_done_;
    struct AtomicCounters {
        std::atomic<std::uint64_t> mmio{0};
        std::atomic<std::uint64_t> hypercalls{0};
        std::atomic<std::uint64_t> memory_faults{0};
        std::atomic<std::uint64_t> other{0};
        std::atomic<std::uint64_t> unclaimed{0};
    } counters_;
    std::vector<std::unique_ptr<VcpuThread>> threads_;
};

}  // namespace rvmm::vmm
