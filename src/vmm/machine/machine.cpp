#include "vmm/machine/machine.hpp"

#include <csignal>
#include <ranges>

#include <asio/post.hpp>

#include "base/log.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::uint32_t kPrivateInterrupts = 32;  // SGIs and PPIs

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

double milliseconds(std::chrono::steady_clock::duration d) {
    return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace

Machine::Machine(kvm::Vm vm, GuestKind& guest, asio::io_context& loop, ConsoleOutput& console)
    : vm_(std::move(vm)), guest_(guest), loop_(loop), console_(console) {}

Machine::~Machine() {
    stop_vcpus();
}

Result<std::unique_ptr<Machine>> Machine::create(const realm::LaunchPlan& plan,
                                                 const kvm::System& system, GuestKind& guest,
                                                 asio::io_context& loop, ConsoleOutput& console) {
    RVMM_TRY(auto vm, system.create_vm(guest.ipa_bits()));
    std::unique_ptr<Machine> machine(new Machine(std::move(vm), guest, loop, console));
    std::uint32_t number = 0;
    for (const MemorySlot& slot : guest.memory().slots())
        RVMM_CHECK(machine->vm_.add_memory(number++, slot.range, slot.host));
    RVMM_CHECK(machine->populate(plan));
    guest.memory().seal();
    RVMM_CHECK(machine->create_gic(plan.board()));
    for (const kvm::SmcccRange range : guest.forwarded())
        RVMM_CHECK(machine->vm_.forward_smccc(range));
    RVMM_CHECK(machine->create_devices(plan.board()));
    return machine;
}

Result<> Machine::populate(const realm::LaunchPlan& plan) {
    for (const realm::PlanStep& step : plan.steps()) {
        if (const auto* populate = std::get_if<realm::PopulateStep>(&step)) {
            const realm::Blob& blob = plan.layout().blobs[populate->blob];
            RVMM_CHECK(guest_.memory().load(blob.base, blob.bytes()));
        } else if (const auto* rec = std::get_if<realm::CreateRecStep>(&step)) {
            RVMM_CHECK(create_vcpu(*rec));
        }
        // Activation and the RIPAS of RAM belong to the software RMM, which starts active with
        // all of RAM; an ordinary VM has neither.
    }
    return {};
}

Result<> Machine::create_vcpu(const realm::CreateRecStep& step) {
    RVMM_TRY(auto vcpu, vm_.create_vcpu(step.index));
    RVMM_CHECK(vcpu.init(!step.runnable));
    RVMM_TRY(const std::uint64_t mpidr, vcpu.mpidr());
    if (mpidr != step.mpidr)
        return fail(Stage::kInternal, "KVM gave vCPU {} MPIDR {:#x}, the device tree says {:#x}",
                    step.index, mpidr, step.mpidr);
    if (step.runnable) {
        for (unsigned i = 0; i < step.gprs.size(); ++i) RVMM_CHECK(vcpu.set_x(i, step.gprs[i]));
        RVMM_CHECK(vcpu.set_pc(step.pc));
    }
    threads_.push_back(std::make_unique<VcpuThread>(
        std::move(vcpu),
        [this](kvm::Vcpu& self, const kvm::Exit& exit) { return serve(self, exit); }));
    return {};
}

Result<> Machine::create_gic(const realm::Board& board) {
    kvm::GicAddresses addresses = {};
    addresses.distributor = guest_.registered(board.gic.distributor.base());
    addresses.redistributors = guest_.registered(board.gic.redistributors.base());
    addresses.redistributor_count = static_cast<std::uint32_t>(board.cpus.size());
    addresses.its = guest_.registered(board.gic.its.base());
    addresses.interrupt_count = kPrivateInterrupts + board.spi_count;
    return vm_.create_gic(addresses);
}

Result<> Machine::create_devices(const realm::Board& board) {
    for (const realm::DeviceBoard& device : board.devices) RVMM_CHECK(create_device(device));
    return {};
}

Result<> Machine::create_device(const realm::DeviceBoard& device) {
    switch (device.kind) {
        case realm::DeviceBoard::Kind::kUart16550:
            serial_ = std::make_shared<devices::Serial16550>(
                console_, [this, spi = device.spi](bool level) {
                    if (auto set = vm_.set_spi(spi, level); !set)
                        end_from_vcpu(std::unexpected(std::move(set).error()));
                });
            console_.set_drained([this] { serial_->output_drained(); });
            return bus_.add(device.registers, serial_);
    }
    return fail(Stage::kInternal, "the board has a device of an unknown kind: {}", device.name);
}

std::size_t Machine::type(ByteSpan bytes) {
    return serial_ ? serial_->input(bytes) : bytes.size();
}

void Machine::set_input_wanted(std::function<void()> wanted) {
    if (!serial_) return;
    serial_->set_input_wanted([this, wanted = std::move(wanted)] { asio::post(loop_, wanted); });
}

Result<RunReport> Machine::run() {
    const auto begin = std::chrono::steady_clock::now();
    asio::signal_set signals(loop_, SIGINT, SIGTERM, SIGHUP);
    signals.async_wait([this](const asio::error_code& error, int number) {
        if (!error) end({RunOutcome::Kind::kKilled, number, {}});
    });
    const auto work = asio::make_work_guard(loop_);
    started_ = std::chrono::steady_clock::now();
    // vCPU 0 last: it may start any other, whose thread must be there to be told.
    for (const auto& thread : std::views::reverse(threads_)) thread->start();
    while (!ended_) loop_.run_one();
    stop_vcpus();
    const auto finished = std::chrono::steady_clock::now();
    console_.finish();
    if (!*ended_) return std::unexpected(std::move(*ended_).error());

    RunReport report;
    report.outcome = **ended_;
    report.counters.mmio_exits = counters_.mmio;
    report.counters.hypercall_exits = counters_.hypercalls;
    report.counters.other_exits = counters_.other;
    report.counters.unclaimed_mmio = counters_.unclaimed;
    guest_.add_counters(report.counters);
    report.launch_ms = milliseconds(started_ - begin);
    if (ready_) report.ready_ms = milliseconds(*ready_ - begin);
    report.total_ms = milliseconds(finished - begin);
    return report;
}

void Machine::end(RunOutcome outcome) {
    if (!ended_) ended_ = std::move(outcome);
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

bool Machine::serve(kvm::Vcpu& vcpu, const kvm::Exit& exit) {
    const auto panic = [this](std::string detail) {
        return end_from_vcpu(RunOutcome{RunOutcome::Kind::kPanic, 0, std::move(detail)});
    };
    return std::visit(
        Overloaded{
            [&](const kvm::MmioExit& mmio) { return serve_mmio(vcpu, mmio); },
            [&](const kvm::HypercallExit& call) { return serve_call(vcpu, call); },
            [&](const kvm::SystemEventExit& event) {
                ++counters_.other;
                switch (event.kind) {
                    case kvm::SystemEventExit::Kind::kShutdown:
                        return end_from_vcpu(RunOutcome{RunOutcome::Kind::kShutdown, 0, {}});
                    case kvm::SystemEventExit::Kind::kReset:
                        return end_from_vcpu(RunOutcome{RunOutcome::Kind::kReset, 0, {}});
                    default:
                        return panic(fmt::format("system event {}", event.type));
                }
            },
            [&](const kvm::MemoryFaultExit& fault) {
                return panic(fmt::format("memory fault at {:#x} ({} bytes, flags {:#x})",
                                         fault.address.value, fault.size, fault.flags));
            },
            [&](const kvm::InterruptedExit&) { return true; },
            [&](const kvm::FailedExit& failed) {
                return panic(
                    fmt::format("vCPU {} cannot go on: KVM exit {}, detail {:#x}, errno {}",
                                vcpu.index(), failed.reason, failed.detail, failed.error_number));
            },
        },
        exit);
}

bool Machine::serve_mmio(kvm::Vcpu& vcpu, const kvm::MmioExit& exit) {
    ++counters_.mmio;
    const Ipa address = guest_.plain(exit.address);
    std::array<std::byte, 8> data = exit.data;
    const std::span span(data.data(), exit.length);
    const bool claimed = exit.is_write ? bus_.write(address, span) : bus_.read(address, span);
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
                              asio::post(loop_, [this] {
                                  if (!ready_) ready_ = std::chrono::steady_clock::now();
                              });
                              return true;
                          },
                          [this](const RunOutcome& outcome) { return end_from_vcpu(outcome); },
                      },
                      *reply);
}

void Machine::start_cpu(const StartCpu& request) {
    // Only the target's own thread may touch its registers.
    threads_[request.target]->post([this, request](kvm::Vcpu& vcpu) {
        Result<> done = vcpu.init(false);
        if (done) done = vcpu.set_x(0, request.context);
        if (done) done = vcpu.set_pc(request.entry.value);
        return done ? true : end_from_vcpu(std::unexpected(std::move(done).error()));
    });
}

}  // namespace rvmm::vmm
