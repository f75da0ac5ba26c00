#include "fake_kvm/guest.hpp"

#include <cstring>

#include <gtest/gtest.h>

#include "fake_kvm/host_memory.hpp"
#include "rmi/psci.hpp"

namespace rvmm::vmm {

using Step = FakeKvm::Step;
using Vcpu = FakeKvm::Vcpu;

namespace {

std::uint64_t plain(const Vcpu& vcpu, std::uint64_t address) {
    return address & ~vcpu.vm->shared_bit();
}

long mmio_exit(Vcpu& vcpu, kvm_run& run, std::uint64_t address, std::uint32_t length, bool write) {
    run.exit_reason = KVM_EXIT_MMIO;
    run.mmio.phys_addr = plain(vcpu, address);
    run.mmio.len = length;
    run.mmio.is_write = write ? 1 : 0;
    return 0;
}

long memory_fault(kvm_run& run, const IpaRange& range, bool wants_private) {
    run.exit_reason = KVM_EXIT_MEMORY_FAULT;
    run.memory_fault.flags = wants_private ? kvm::abi::kMemoryFaultPrivate : 0;
    run.memory_fault.gpa = range.base().value;
    run.memory_fault.size = range.size();
    return -EFAULT;
}

IpaRange page_of(const Vcpu& vcpu, std::uint64_t address) {
    const std::uint64_t size = vcpu.vm->host.options.page_size;
    return *IpaRange::make(Ipa{align_down(plain(vcpu, address), size)}, size);
}

// A private access: sheet 3.3.
long private_access(Vcpu& vcpu, kvm_run& run, std::uint64_t ipa) {
    fake::Vm& vm = *vcpu.vm;
    const std::lock_guard lock(vm.host.mutex);
    const IpaRange page = page_of(vcpu, ipa);
    const fake::Slot* slot = vm.memory.slot_at(page.base());
    if (slot == nullptr || !vm.realm->rmm()->ram.contains(page.base().value)) {
        ++vcpu.aborts;  // the RMM's doing
        return FakeKvm::kNoExit;
    }
    if (!slot->gmem) return -EINVAL;
    // What v15 does was only reported: it does not look at the attribute. The tree after it was not
    // seen in this; it is taken to be as v14.
    const bool looks =
        vm.host.rules.attributes == fake::Attributes::kOfVm || vm.host.options.match_attributes;
    if (looks && !vm.memory.is_private(page)) {
        vcpu.runs_again = true;
        return memory_fault(run, page, true);
    }
    vm.memory.take(page);
    return FakeKvm::kNoExit;
}

// A shared access: nothing if it reaches `slot`'s memory, else what KVM_RUN returns.
std::optional<long> shared_access(Vcpu& vcpu, kvm_run& run, std::uint64_t ipa,
                                  std::uint64_t& userspace) {
    fake::Vm& vm = *vcpu.vm;
    const std::lock_guard lock(vm.host.mutex);
    const IpaRange page = page_of(vcpu, ipa);
    const fake::Slot* slot = vm.memory.slot_at(page.base());
    if (slot == nullptr || slot->userspace == 0) return mmio_exit(vcpu, run, ipa, 8, false);
    if (vm.host.rules.shared_faults && !vm.memory.is_shared(page)) {
        vcpu.runs_again = true;
        return memory_fault(run, page, false);
    }
    userspace = slot->userspace + (plain(vcpu, ipa) - slot->range.base().value);
    return std::nullopt;
}

}  // namespace

// ---- Of any guest ------------------------------------------------------------------------------

Step mmio_write(std::uint64_t address, std::uint32_t value, std::uint32_t length) {
    return [=](Vcpu& vcpu, kvm_run& run) {
        std::memset(run.mmio.data, 0, sizeof run.mmio.data);
        std::memcpy(run.mmio.data, &value, sizeof value);
        {
            const std::lock_guard lock(vcpu.vm->host.mutex);
            const std::uint64_t plain = address & ~vcpu.vm->shared_bit();
            if (vcpu.vm->wiring.ring(plain, length, value)) return FakeKvm::kNoExit;
        }
        return mmio_exit(vcpu, run, address, length, true);
    };
}

Step mmio_read(std::uint64_t address, std::uint32_t length) {
    return [=](Vcpu& vcpu, kvm_run& run) { return mmio_exit(vcpu, run, address, length, false); };
}

std::vector<Step> mmio_read_sees(std::uint64_t address, std::uint32_t length, std::uint64_t value) {
    return {mmio_read(address, length), look([=](Vcpu& vcpu) {
                const std::uint64_t mask = length >= 8 ? ~0ULL : (1ULL << (8 * length)) - 1;
                EXPECT_EQ(vcpu.mmio_data & mask, value) << "MMIO read at " << address;
            })};
}

Step smc(std::uint64_t x0, std::uint64_t x1, std::uint64_t x2, std::uint64_t x3) {
    return [=](Vcpu& vcpu, kvm_run& run) {
        const std::lock_guard lock(vcpu.vm->host.mutex);
        vcpu.set_x(0, x0);
        vcpu.set_x(1, x1);
        vcpu.set_x(2, x2);
        vcpu.set_x(3, x3);
        const auto function = static_cast<std::uint32_t>(x0);
        if (!vcpu.vm->forwarded.contains(function)) return vcpu.vm->psci(vcpu, run, function);
        run.exit_reason = KVM_EXIT_HYPERCALL;
        run.hypercall.nr = function;
        run.hypercall.flags = KVM_HYPERCALL_EXIT_SMC;
        return 0L;
    };
}

Step cpu_on(std::uint64_t mpidr, std::uint64_t entry, std::uint64_t context) {
    return smc(static_cast<std::uint32_t>(rmi::PsciFunction::kCpuOn) | rmi::kPsciSmc64, mpidr,
               entry, context);
}

Step system_off() {
    return smc(static_cast<std::uint32_t>(rmi::PsciFunction::kSystemOff));
}

Step system_reset() {
    return smc(static_cast<std::uint32_t>(rmi::PsciFunction::kSystemReset));
}

Step system_event(std::uint32_t type) {
    return [=](Vcpu& vcpu, kvm_run& run) {
        const std::lock_guard lock(vcpu.vm->host.mutex);
        return vcpu.vm->end(run, type);
    };
}

Step exit_reason(std::uint32_t reason) {
    return [=](Vcpu&, kvm_run& run) {
        run.exit_reason = reason;
        return 0L;
    };
}

Step look(std::function<void(Vcpu&)> at) {
    return [at = std::move(at)](Vcpu& vcpu, kvm_run&) {
        at(vcpu);
        return FakeKvm::kNoExit;
    };
}

Step look(std::function<void(Vcpu&)> at, Step next) {
    return [at = std::move(at), next = std::move(next)](Vcpu& vcpu, kvm_run& run) {
        at(vcpu);
        return next(vcpu, run);
    };
}

Step interrupted() {
    return [](Vcpu&, kvm_run& run) {
        run.exit_reason = KVM_EXIT_INTR;
        return -long{EINTR};
    };
}

Step fails(int error_number) {
    return [=](Vcpu&, kvm_run&) { return -long{error_number}; };
}

// ---- Of a realm --------------------------------------------------------------------------------

Step change_ripas(IpaRange range, bool to_ram) {
    return [=](Vcpu& vcpu, kvm_run& run) -> long {
        const std::uint64_t shared = vcpu.vm->shared_bit();
        if (range.empty() || range.top().value > shared) return -EINVAL;  // sheet 9
        vcpu.ripas_change = Vcpu::RipasChange{range, to_ram};
        return memory_fault(run, range, to_ram);
    };
}

Step touch_private(std::uint64_t ipa) {
    return [=](Vcpu& vcpu, kvm_run& run) { return private_access(vcpu, run, ipa); };
}

Step touch_shared(std::uint64_t ipa) {
    return read_shared(ipa, {});
}

Step write_shared(std::uint64_t ipa, std::string bytes) {
    return [=](Vcpu& vcpu, kvm_run& run) -> long {
        std::uint64_t userspace = 0;
        if (const auto done = shared_access(vcpu, run, ipa, userspace)) return *done;
        return fake::write_user(userspace, as_bytes(bytes)) ? FakeKvm::kNoExit : -EFAULT;
    };
}

Step read_shared(std::uint64_t ipa, std::string bytes) {
    return [=](Vcpu& vcpu, kvm_run& run) -> long {
        std::uint64_t userspace = 0;
        if (const auto done = shared_access(vcpu, run, ipa, userspace)) return *done;
        std::string seen(std::max<std::size_t>(bytes.size(), 1), '\0');
        const auto out = std::as_writable_bytes(std::span(seen));
        if (!fake::read_user(userspace, out)) return -EFAULT;
        if (!bytes.empty()) {
            EXPECT_EQ(seen, bytes) << "shared memory at " << ipa;
        }
        return FakeKvm::kNoExit;
    };
}

Step die() {
    return [](Vcpu& vcpu, kvm_run&) {
        const std::lock_guard lock(vcpu.vm->host.mutex);
        vcpu.vm->realm->kill();
        return -long{ENXIO};
    };
}

}  // namespace rvmm::vmm
