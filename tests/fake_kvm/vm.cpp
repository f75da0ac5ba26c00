#include "fake_kvm/vm.hpp"

#include <algorithm>

#include <linux/kvm.h>

#include "fake_kvm/capabilities.hpp"
#include "fake_kvm/host_memory.hpp"

namespace rvmm::vmm::fake {

namespace abi = kvm::abi;

namespace {

constexpr std::uint64_t kMaxVcpus = 512;
constexpr std::uint32_t kArchCalls = 0x3fff'0000;  // owner bits: 0 is Arm architecture calls

}  // namespace

Vm::Vm(Host& given, bool realm_vm, unsigned bits)
    : host(given),
      ipa_bits(bits),
      memory(given, realm_vm, bits),
      gic(given, realm_vm, bits),
      wiring(given, realm_vm, bits) {
    if (realm_vm) realm.emplace(*this);
}

void Vm::close() {
    closed = true;
    if (!host.rules.warns_unused || !host.has_realms()) return;
    if (!is_realm())
        host.ledger.ordinary_warning();
    else if (!realm->was_created())
        host.ledger.kernel_warning();
}

Phase Vm::phase() const {
    if (!is_realm()) return Phase::kOrdinary;
    switch (realm->state()) {
        case Realm::State::kNone:
            return Phase::kNotPopulated;
        case Realm::State::kNew:
            return realm->is_populated() ? Phase::kPopulated : Phase::kNotPopulated;
        case Realm::State::kActive:
        case Realm::State::kDead:
            return Phase::kRunning;
    }
    return Phase::kRunning;
}

bool Vm::has_pmu() const {
    return ((features ? *features : 0U) & (1U << KVM_ARM_VCPU_PMU_V3)) != 0;
}

long Vm::create_vcpu(std::uint64_t id, std::uint64_t mpidr_xor) {
    if (id >= kMaxVcpus) return host.ledger.refuse(EINVAL, "CREATE_VCPU: too large an id");
    if (gic.initialised()) return host.ledger.refuse(EBUSY, "CREATE_VCPU after the GIC's (seen 3)");
    const auto number = static_cast<std::uint32_t>(id);
    if (vcpus.contains(number)) return host.ledger.refuse(EEXIST, "CREATE_VCPU twice");
    if (phase() == Phase::kRunning)
        host.ledger.violation("CREATE_VCPU of a realm that runs (sheet 4: no hotplug)");
    Vcpu& vcpu = vcpus[number];
    vcpu.id = number;
    vcpu.vm = this;
    vcpu.registers[kMpidrId] = ((1ULL << 31) | (id & 15) | (((id >> 4) & 255) << 8)) ^ mpidr_xor;
    vcpu_order.push_back(number);
    return 0;
}

long Vm::set_smccc_filter(const kvm_device_attr& attribute) {
    if (attribute.group != KVM_ARM_VM_SMCCC_CTRL || attribute.attr != KVM_ARM_VM_SMCCC_FILTER)
        return host.ledger.refuse(ENXIO, "VM attribute: unknown");
    const auto filter = record_at<kvm_smccc_filter>(attribute.addr);
    if (!filter) return host.ledger.refuse(EFAULT, "SMCCC filter: no record");
    if (has_run) return host.ledger.refuse(EBUSY, "SMCCC filter after the first run (sheet 9)");
    // KVM keeps the Arm architecture calls to itself.
    if ((filter->base & kArchCalls) == 0 || filter->action != KVM_SMCCC_FILTER_FWD_TO_USER)
        return host.ledger.refuse(EINVAL, "SMCCC filter: an architecture call, or not forwarding");
    for (std::uint32_t i = 0; i < filter->nr_functions; ++i)
        if (forwarded.contains(filter->base + i))
            return host.ledger.refuse(EEXIST, "SMCCC filter: a call twice");
    for (std::uint32_t i = 0; i < filter->nr_functions; ++i) forwarded.insert(filter->base + i);
    return 0;
}

long Vm::set_line(const kvm_irq_level& line) {
    const std::uint32_t interrupt = line.irq & 0xffff;
    if (const long error = gic.check_line(interrupt); error != 0) return error;
    spis[interrupt - 32] = line.level != 0;
    return 0;
}

long Vm::enable_cap(const abi::EnableCap& request) {
    constexpr std::uint32_t kSeaToUser = 245;
    const bool probes = request.args[0] == 0 && request.args[1] == 0;  // v10 sheet 10.3
    const Rules& rules = host.rules;
    if (request.flags != 0) return host.ledger.refuse(EINVAL, "ENABLE_CAP: flags");
    if (rules.family == Family::kCommands && request.cap == rules.capability && is_realm())
        return realm->command(request.args[0], request.args[1]);
    const bool enables = request.cap == KVM_CAP_ARM_NISV_TO_USER ||
                         (request.cap == kSeaToUser && rules.family != Family::kCommands);
    const bool allowed = !is_realm() || !rules.enable_list || allowed_for_realm(host, request.cap);
    if (enables && allowed) return 0;  // seen 2.13
    return probes ? -EINVAL : host.ledger.refuse(EINVAL, "ENABLE_CAP: unknown, or not for a realm");
}

}  // namespace rvmm::vmm::fake
