// KVM_RUN, but for what the guest does: sheet 9, and the order in which mainline's
// kvm_arch_vcpu_run_pid_change() and kvm_arch_vcpu_ioctl_run() look at things.
#include <linux/kvm.h>

#include "fake_kvm/vm.hpp"
#include "rmi/psci.hpp"

namespace rvmm::vmm::fake {

namespace {

bool is_finalised(const Vm& vm, const Vcpu& vcpu) {
    if ((vcpu.features & (1U << KVM_ARM_VCPU_SVE)) != 0 && !vcpu.sve_finalised) return false;
    if (!vm.is_realm() || vm.host.rules.family != Family::kCommands) return true;
    return vcpu.rec_made && vm.realm->state() >= Realm::State::kActive;
}

}  // namespace

// kvm_vgic_map_resources().
long Vm::map_gic(Vcpu&) {
    Ledger& ledger = host.ledger;
    if (!gic.has_addresses()) {
        if (is_realm()) {
            dead = true;  // seen 2.17: EIO from now on, and a WARN
            ledger.kernel_warning();
        }
        return ledger.refuse(ENXIO, "first run: the GIC has no addresses (seen 2.17)");
    }
    if (gic.initialised()) return 0;
    if (host.rules.gic_first)
        return ledger.refuse(ENODEV, "first run: GIC not initialised (snapB)");
    return ledger.refuse(EBUSY, "first run: GIC not initialised (arm-vgic-v3.rst)");
}

long Vm::prepare_run(Vcpu& vcpu) {
    Ledger& ledger = host.ledger;
    const bool commands = host.rules.family == Family::kCommands;
    if (!vcpu.initialised) return ledger.refuse(ENOEXEC, "KVM_RUN before VCPU_INIT");
    if (!is_finalised(*this, vcpu))
        return ledger.refuse(EPERM, "KVM_RUN before FINALIZE or ACTIVATE");
    if (vcpu.has_run) return 0;
    if (gic.exists())
        if (const long error = map_gic(vcpu); error != 0) return error;
    if (is_realm()) {
        if (commands && !gic.exists())
            return ledger.refuse(EOPNOTSUPP, "KVM_RUN without an in-kernel GIC (v10 sheet 4)");
        if (!commands)
            if (const long error = realm->activate(); error != 0) return error;
    }
    vcpu.has_run = true;
    has_run = true;
    return 0;
}

// What kvm_rec_pre_enter() completes: the guest's request to change the RIPAS of a range.
static bool complete_ripas_change(Vm& vm, Vcpu& vcpu, kvm_run& run) {
    const Vcpu::RipasChange change = *vcpu.ripas_change;
    if (vm.host.options.match_attributes) {
        // An address that is not backed counts as shared: sheet 3.4.
        const bool matches =
            change.to_ram ? vm.memory.is_private(change.range) : vm.memory.is_shared(change.range);
        if (!matches) {
            run.exit_reason = KVM_EXIT_MEMORY_FAULT;
            run.memory_fault.flags = change.to_ram ? kvm::abi::kMemoryFaultPrivate : 0;
            run.memory_fault.gpa = change.range.base().value;
            run.memory_fault.size = change.range.size();
            return false;
        }
    }
    const RangeSet::Run bounds = {change.range.base().value, change.range.top().value};
    if (change.to_ram) {
        vm.realm->rmm()->ram.add(bounds);
    } else {
        vm.realm->rmm()->ram.remove(bounds);
        vm.memory.give_back(change.range);
    }
    vcpu.set_x(0, 0);  // RSI_SUCCESS, and the new base
    vcpu.set_x(1, bounds.end);
    vcpu.ripas_change.reset();
    return true;
}

long Vm::enter(Vcpu& vcpu, kvm_run& run) {
    if (!is_realm()) return 1;
    if (realm->state() == Realm::State::kDead) return -host.rules.run_when_dead;
    if (ended) {
        run.exit_reason = KVM_EXIT_SHUTDOWN;
        return 0;
    }
    if (vcpu.races > 0) {
        --vcpu.races;
        return -EAGAIN;
    }
    if (vcpu.ripas_change && !complete_ripas_change(*this, vcpu, run)) return -EFAULT;
    return 1;
}

long Vm::end(kvm_run& run, std::uint32_t event) {
    ended = true;
    if (!is_realm())  // KVM stops all vCPUs of an ordinary VM
        for (auto& [id, vcpu] : vcpus) vcpu.powered_off = true;
    run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
    run.system_event.type = event;
    return 0;
}

static std::uint64_t cpu_on(Vm& vm, Vcpu& caller) {
    constexpr std::uint64_t kAffinity = 0xff'00ff'ffffULL;
    for (auto& [id, target] : vm.vcpus) {
        if ((target.registers[kMpidrId] & kAffinity) != (caller.x(1) & kAffinity)) continue;
        if (!target.powered_off) return rmi::to_register(rmi::PsciResult::kAlreadyOn);
        const std::uint64_t entry = caller.x(2);
        const std::uint64_t context = caller.x(3);
        target.set_pc(entry);
        target.set_x(0, context);
        target.races =
            vm.is_realm() && vm.host.rules.cpu_on_races ? vm.host.options.cpu_on_races : 0;
        target.powered_off = false;
        return rmi::to_register(rmi::PsciResult::kSuccess);
    }
    return rmi::to_register(rmi::PsciResult::kInvalidParameters);
}

long Vm::psci(Vcpu& vcpu, kvm_run& run, std::uint32_t function) {
    switch (static_cast<rmi::PsciFunction>(function & ~rmi::kPsciSmc64)) {
        case rmi::PsciFunction::kSystemOff:
            return end(run, KVM_SYSTEM_EVENT_SHUTDOWN);
        case rmi::PsciFunction::kSystemReset:
            return end(run, KVM_SYSTEM_EVENT_RESET);
        case rmi::PsciFunction::kCpuOn:
            vcpu.set_x(0, cpu_on(*this, vcpu));
            return 1;
        case rmi::PsciFunction::kCpuOff:
            vcpu.powered_off = true;
            return 1;
        default:
            vcpu.set_x(0, rmi::to_register(rmi::PsciResult::kNotSupported));
            return 1;
    }
}

}  // namespace rvmm::vmm::fake
