// KVM_RUN: what comes before and after the guest's steps.
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "fake_kvm/fake_kvm.hpp"

namespace rvmm::vmm {
namespace {

// A VMM that never completes an access would run for ever.
constexpr unsigned kMostRepeats = 1000;

bool wants_out(kvm_run& run) {
    return std::atomic_ref(run.immediate_exit).load(std::memory_order_acquire) != 0;
}

}  // namespace

// KVM completes an access at the next KVM_RUN, but only while exit_reason still reads MMIO: sheet
// 3.4, seen 2.1. False: the guest makes it again.
bool FakeKvm::complete_mmio(Vcpu& vcpu, kvm_run& run) {
    if (!vcpu.mmio) return true;
    if (run.exit_reason == KVM_EXIT_MMIO) {
        std::memcpy(&vcpu.mmio_data, run.mmio.data, sizeof vcpu.mmio_data);
        vcpu.mmio.reset();
        vcpu.mmio_repeats = 0;
        return true;
    }
    if (vcpu.mmio_repeats++ == 0)
        host_.ledger.violation(
            "exit_reason was cleared before MMIO was completed: the access repeats for ever "
            "(seen 2.1)");
    return false;
}

std::optional<long> FakeKvm::begin_run(Vcpu& vcpu, kvm_run& run, bool immediate_exit) {
    const std::lock_guard lock(host_.mutex);
    if (vcpu.vm->is_realm() && run.exit_reason == KVM_EXIT_MEMORY_FAULT)
        host_.ledger.violation("exit_reason still reads MEMORY_FAULT at KVM_RUN (sheet 3.4)");
    if (const long error = vcpu.vm->prepare_run(vcpu); error != 0) return error;
    const bool completed = complete_mmio(vcpu, run);
    if (immediate_exit) return -EINTR;
    run.exit_reason = KVM_EXIT_UNKNOWN;
    const long entered = vcpu.vm->enter(vcpu, run);
    if (entered <= 0) return entered;
    if (completed) return std::nullopt;
    if (vcpu.mmio_repeats > kMostRepeats) return -EIO;
    run.exit_reason = KVM_EXIT_MMIO;
    run.mmio = *vcpu.mmio;
    return 0;
}

FakeKvm::Step FakeKvm::next_step(Vcpu& vcpu) {
    const std::lock_guard lock(host_.mutex);
    auto& script = scripts_[vcpu.id];
    if (vcpu.powered_off || script.empty()) return nullptr;
    if (vcpu.vm->is_realm() && vcpu.vm->ended) return nullptr;
    Step step = std::move(script.front());
    script.pop_front();
    return step;
}

long FakeKvm::after(Vcpu& vcpu, kvm_run& run, Step step, long result) {
    const std::lock_guard lock(host_.mutex);
    if (std::exchange(vcpu.runs_again, false)) scripts_[vcpu.id].push_front(std::move(step));
    if (result == 0 && run.exit_reason == KVM_EXIT_MMIO) vcpu.mmio = run.mmio;
    return result;
}

kvm_run& FakeKvm::run_area(const Vcpu& vcpu) {
    const std::lock_guard lock(host_.mutex);
    return *reinterpret_cast<kvm_run*>(runs_.at(&vcpu));
}

long FakeKvm::run(Vcpu& vcpu) {
    auto& area = run_area(vcpu);
    if (const auto done = begin_run(vcpu, area, wants_out(area))) return *done;
    while (!wants_out(area)) {
        Step step = next_step(vcpu);
        if (!step) {
            std::this_thread::sleep_for(std::chrono::microseconds(200));
            continue;
        }
        const long result = step(vcpu, area);
        if (const long returned = after(vcpu, area, std::move(step), result); returned <= 0)
            return returned;
    }
    area.exit_reason = KVM_EXIT_INTR;
    return -EINTR;
}

}  // namespace rvmm::vmm
