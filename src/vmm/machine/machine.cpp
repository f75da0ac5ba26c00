#include "vmm/machine/machine.hpp"

#include <csignal>
#include <ranges>

#include <asio/post.hpp>

#include "base/log.hpp"
#include "base/overloaded.hpp"

namespace rvmm::vmm {
namespace {

// A vCPU was told that the realm has ended: how long another one may take to say why.
constexpr auto kEndGrace = std::chrono::seconds(2);

double milliseconds(std::chrono::steady_clock::duration d) {
    return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace

Machine::Machine(BuiltVm built, GuestKind& guest, asio::io_context& loop, ConsoleOutput& console)
    : vm_(std::move(built.vm)),
      guest_(guest),
      loop_(loop),
      console_(console),
      signals_(loop),
      power_signal_(loop),
      grace_(loop) {
    for (kvm::Vcpu& vcpu : built.vcpus)
        threads_.push_back(std::make_unique<VcpuThread>(
            std::move(vcpu),
            [this](kvm::Vcpu& self, const kvm::Exit& exit) { return serve(self, exit); }));
}

Machine::~Machine() {
    stop_vcpus();
}

Result<std::unique_ptr<Machine>> Machine::create(const realm::LaunchPlan& plan, BuiltVm built,
                                                 GuestKind& guest, asio::io_context& loop,
                                                 ConsoleOutput& console, TokenExchange* tokens) {
    std::unique_ptr<Machine> machine(new Machine(std::move(built), guest, loop, console));
    Machine& self = *machine;
    RVMM_TRY(
        self.devices_,
        DeviceSet::create(
            plan,
            {.vm = *self.vm_,
             .guest = guest,
             .loop = loop,
             .console = console,
             .failed =
                 [&self](Error error) { self.end_from_vcpu(std::unexpected(std::move(error))); },
             .ended = [&self](RunOutcome outcome) { self.end_from_vcpu(std::move(outcome)); },
             .ready = [&self] { self.note_ready(); },
             .tokens = tokens}));
    return machine;
}

void Machine::tell(const std::function<void(const MachineObserver&)>& what) const {
    for (const MachineObserver& observer : observers_) what(observer);
}

Result<RunReport> Machine::run() {
    const auto begin = std::chrono::steady_clock::now();
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) signals_.add(number);
    signals_.async_wait([this](const asio::error_code& error, int number) {
        if (!error) end({RunOutcome::Kind::kKilled, number, {}});
    });
    power_signal_.add(SIGPWR);
    wait_for_power_key();
    guest_.on_first_conversion([this] {
        asio::post(loop_, [this] {
            tell([](const MachineObserver& observer) { observer.first_conversion(); });
        });
    });
    const auto work = asio::make_work_guard(loop_);
    started_ = std::chrono::steady_clock::now();
    tell([](const MachineObserver& observer) { observer.first_entry(); });
    // vCPU 0 last: it may start any other, whose thread must be there to be told.
    for (const auto& thread : std::views::reverse(threads_)) thread->start();
    while (!ended_) loop_.run_one();
    tell([this](const MachineObserver& observer) { observer.ending(*ended_); });
    guest_.stop_waiting();
    devices_->begin_close();
    stop_vcpus();
    devices_->finish_close();
    const auto finished = std::chrono::steady_clock::now();
    console_.finish();
    if (!*ended_) return std::unexpected(std::move(*ended_).error());

    RunReport report;
    report.outcome = **ended_;
    report.counters = counters();
    report.devices = devices_->reports();
    for (const auto& thread : threads_)
        report.last_exits.push_back(thread->exits().describe(finished));
    report.launch_ms = milliseconds(started_ - begin);
    if (ready_) report.ready_ms = milliseconds(*ready_ - begin);
    report.total_ms = milliseconds(finished - begin);
    return report;
}

RunCounters Machine::counters() const {
    RunCounters counters;
    counters.mmio_exits = counters_.mmio;
    counters.hypercall_exits = counters_.hypercalls;
    counters.memory_fault_exits = counters_.memory_faults;
    counters.other_exits = counters_.other;
    counters.unclaimed_mmio = counters_.unclaimed;
    guest_.add_counters(counters);
    return counters;
}

std::vector<int> Machine::thread_ids() const {
    std::vector<int> ids;
    ids.reserve(threads_.size());
    for (const auto& thread : threads_) ids.push_back(thread->thread_id());
    return ids;
}

Result<> Machine::pause(std::function<void()> done) {
    if (pause_ == Pause::kRefused || ended_) return fail(Stage::kGuest, "the guest is ending");
    if (pause_ == Pause::kHeld) {
        done();
        return {};
    }
    pause_done_.push_back(std::move(done));
    if (pause_ == Pause::kBegun) return {};
    pause_ = Pause::kBegun;
    not_held_ = threads_.size();
    ++pauses_;
    for (const auto& thread : threads_)
        thread->hold(
            [this, pause = pauses_] { asio::post(loop_, [this, pause] { vcpu_held(pause); }); });
    return {};
}

void Machine::vcpu_held(std::uint64_t pause) {
    if (ended_ || pause_ != Pause::kBegun || pause != pauses_ || --not_held_ > 0) return;
    pause_ = Pause::kHeld;
    tell([](const MachineObserver& observer) { observer.held(true); });
    for (const auto& done : std::exchange(pause_done_, {})) done();
}

void Machine::resume() {
    if (ended_) return;  // the vCPUs are being stopped
    if (pause_ != Pause::kBegun && pause_ != Pause::kHeld) return;
    const bool was_held = std::exchange(pause_, Pause::kNone) == Pause::kHeld;
    for (const auto& thread : threads_) thread->let_go();
    if (was_held) tell([](const MachineObserver& observer) { observer.held(false); });
    for (const auto& done : std::exchange(pause_done_, {})) done();
}

void Machine::wait_for_power_key() {
    power_signal_.async_wait([this](const asio::error_code& error, int) {
        if (error) return;
        press_power_key();
        wait_for_power_key();
    });
}

void Machine::press_power_key() {
    if (!devices_->press_power_key())
        warn("the guest has no power key: machine.power_key = true gives it one");
}

void Machine::end(RunOutcome outcome) {
    if (!ended_) ended_ = std::move(outcome);
}

void Machine::note_ready() {
    if (ready_) return;
    ready_ = std::chrono::steady_clock::now();
    tell([](const MachineObserver& observer) { observer.ready(); });
}

void Machine::stop_vcpus() {
    for (const auto& thread : threads_) thread->stop();
    for (const auto& thread : threads_) thread->join();
}

bool Machine::end_from_vcpu(Result<RunOutcome> outcome) {
    asio::post(loop_, [this, outcome = std::move(outcome)]() mutable {
        if (!ended_) ended_ = std::move(outcome);
    });
    return false;
}

bool Machine::panic(std::string detail) {
    return end_from_vcpu(RunOutcome{RunOutcome::Kind::kPanic, 0, std::move(detail)});
}

std::string Machine::describe(const kvm::Vcpu& vcpu, const kvm::FailedExit& failed) const {
    std::string text = fmt::format("vCPU {} cannot go on: KVM exit {}, detail {:#x}, errno {}",
                                   vcpu.index(), failed.reason, failed.detail, failed.error_number);
    if (const std::string why = guest_.explain(failed); !why.empty()) text += " (" + why + ")";
    return text;
}

bool Machine::serve(kvm::Vcpu& vcpu, const kvm::Exit& exit) {
    return std::visit(
        Overloaded{
            [&](const kvm::MmioExit& mmio) { return serve_mmio(vcpu, mmio); },
            [&](const kvm::HypercallExit& call) { return serve_call(vcpu, call); },
            [&](const kvm::SystemEventExit& event) { return serve_event(event); },
            [&](const kvm::MemoryFaultExit& fault) {
                ++counters_.memory_faults;
                return finish_call(vcpu, guest_.memory_fault(vcpu.index(), fault));
            },
            [&](const kvm::InterruptedExit&) { return true; },
            [&](const kvm::ShutdownExit&) {
                asio::post(loop_, [this] { expect_end(); });
                return false;
            },
            [&](const kvm::FailedExit& failed) { return panic(describe(vcpu, failed)); },
        },
        exit);
}

void Machine::expect_end() {
    // A vCPU that is held says nothing, and one that has ended is never held.
    resume();
    pause_ = Pause::kRefused;
    grace_.expires_after(kEndGrace);
    grace_.async_wait([this](const asio::error_code& error) {
        if (!error)
            end({RunOutcome::Kind::kPanic, 0,
                 "KVM says that the guest has shut down, but no vCPU did it"});
    });
}

bool Machine::serve_event(const kvm::SystemEventExit& event) {
    ++counters_.other;
    switch (event.kind) {
        case kvm::SystemEventExit::Kind::kShutdown:
            return end_from_vcpu(RunOutcome{RunOutcome::Kind::kShutdown, 0, {}});
        case kvm::SystemEventExit::Kind::kReset:
            return end_from_vcpu(RunOutcome{RunOutcome::Kind::kReset, 0, {}});
        default:
            return panic(fmt::format("system event {}", event.type));
    }
}

bool Machine::serve_mmio(kvm::Vcpu& vcpu, const kvm::MmioExit& exit) {
    ++counters_.mmio;
    const Ipa address = guest_.plain(exit.address);
    std::array<std::byte, 8> data = exit.data;
    const std::span span(data.data(), exit.length);
    const bool claimed =
        exit.is_write ? devices_->bus().write(address, span) : devices_->bus().read(address, span);
    if (!claimed) ++counters_.unclaimed;
    if (!exit.is_write) vcpu.finish_mmio_read(data, exit.length);
    return true;
}

bool Machine::serve_call(kvm::Vcpu& vcpu, const kvm::HypercallExit& exit) {
    ++counters_.hypercalls;
    // SMCCC passes and returns at most X0 to X17; RSI and PSCI use X0 to X10.
    constexpr unsigned kRegisters = 11;
    rmi::SmcRegisters before;
    for (unsigned i = 0; i < kRegisters; ++i) {
        const auto value = vcpu.x(i);
        if (!value) return end_from_vcpu(std::unexpected(value.error()));
        before.x[i] = *value;
    }
    rmi::SmcRegisters registers = before;
    auto reply = guest_.call(vcpu.index(), registers, exit.is_smc);
    for (unsigned i = 0; i < kRegisters; ++i) {
        if (registers.x[i] == before.x[i]) continue;
        if (auto set = vcpu.set_x(i, registers.x[i]); !set)
            return end_from_vcpu(std::unexpected(std::move(set).error()));
    }
    return finish_call(vcpu, std::move(reply));
}

bool Machine::finish_call(kvm::Vcpu& vcpu, Result<CallReply> reply) {
    if (!reply) return end_from_vcpu(std::unexpected(std::move(reply).error()));
    return std::visit(Overloaded{
                          [](const Answered&) { return true; },
                          [this](const StartCpu& request) {
                              start_cpu(request);
                              return true;
                          },
                          [&](const StopCpu&) {
                              if (auto off = vcpu.power_off(); !off)
                                  return end_from_vcpu(std::unexpected(std::move(off).error()));
                              return true;
                          },
                          [this](const GuestReady&) {
                              asio::post(loop_, [this] { note_ready(); });
                              return true;
                          },
                          [this](const RunOutcome& outcome) { return end_from_vcpu(outcome); },
                      },
                      *reply);
}

void Machine::start_cpu(const StartCpu& request) {
    // Only the target's own thread may touch its registers.
    threads_[request.target]->post([this, request](kvm::Vcpu& vcpu) {
        Result<> done = vcpu.init({});
        if (done) done = vcpu.set_x(0, request.context);
        if (done) done = vcpu.set_pc(request.entry.value);
        return done ? true : end_from_vcpu(std::unexpected(std::move(done).error()));
    });
}

}  // namespace rvmm::vmm
