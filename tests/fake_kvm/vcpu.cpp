#include "fake_kvm/vcpu.hpp"

#include <bit>
#include <cerrno>

#include "fake_kvm/host_memory.hpp"
#include "fake_kvm/vm.hpp"

namespace rvmm::vmm::fake {

namespace abi = kvm::abi;

namespace {

constexpr std::uint64_t kCore = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE;
constexpr std::uint32_t bit(unsigned number) {
    return 1U << number;
}
constexpr std::uint32_t kPtrauth =
    bit(KVM_ARM_VCPU_PTRAUTH_ADDRESS) | bit(KVM_ARM_VCPU_PTRAUTH_GENERIC);

// The feature bits that this VM's vCPUs can have.
std::uint32_t supported(const Vm& vm) {
    const Rules& rules = vm.host.rules;
    std::uint32_t bits = bit(KVM_ARM_VCPU_POWER_OFF) | bit(KVM_ARM_VCPU_PSCI_0_2) | kPtrauth;
    if (vm.host.options.pmu && (!vm.is_realm() || rules.pmu)) bits |= bit(KVM_ARM_VCPU_PMU_V3);
    if (vm.host.options.sve_vqs != 0) bits |= bit(KVM_ARM_VCPU_SVE);
    if (!vm.is_realm()) return bits;
    // Seen 5: v10 takes 8 and 9. Seen 2.10: v12 has a 9 left over.
    if (rules.family == Family::kCommands) bits |= bit(rules.features - 1) | bit(abi::kVcpuRecV7);
    if (rules.features > abi::kVcpuRecV8) bits |= bit(abi::kVcpuRecV8);
    return bits;
}

std::uint64_t host_dfr0(const FakeOptions& options) {
    return std::uint64_t{options.ctx_cmps} << 28 | std::uint64_t{options.wrps} << 20 |
           std::uint64_t{options.brps} << 12 | options.debug_version;
}

bool is_rec_bit(const Vm& vm, unsigned number) {
    return vm.host.rules.family == Family::kCommands && number == vm.host.rules.features - 1;
}

}  // namespace

std::uint64_t x_id(unsigned number) {
    return kCore | (offsetof(kvm_regs, regs.regs) / 4 + 2 * std::uint64_t{number});
}
std::uint64_t pc_id() {
    return kCore | (offsetof(kvm_regs, regs.pc) / 4);
}

std::uint64_t Vcpu::x(unsigned number) const {
    const auto found = registers.find(x_id(number));
    return found == registers.end() ? 0 : found->second;
}
void Vcpu::set_x(unsigned number, std::uint64_t value) {
    registers[x_id(number)] = value;
}
std::uint64_t Vcpu::pc() const {
    return registers.contains(pc_id()) ? registers.at(pc_id()) : 0;
}
void Vcpu::set_pc(std::uint64_t value) {
    registers[pc_id()] = value;
}

long init(Vcpu& vcpu, const kvm_vcpu_init& request) {
    Vm& vm = *vcpu.vm;
    Ledger& ledger = vm.host.ledger;
    const std::uint32_t asked = request.features[0];
    const std::uint32_t kept = asked & ~bit(KVM_ARM_VCPU_POWER_OFF);
    // Trying the REC bit is how v7 to v11 are told apart: v10 sheet 10.5.
    const bool probes = vm.is_realm() && (asked & (bit(8) | bit(9))) != 0;
    const auto refuse = [&](int error, std::string_view rule) {
        return probes ? -static_cast<long>(error) : ledger.refuse(error, rule);
    };
    if (request.target != KVM_ARM_TARGET_GENERIC_V8)
        return refuse(EINVAL, "VCPU_INIT: not the preferred target");
    if ((asked >> vm.host.rules.features) != 0) return refuse(ENOENT, "VCPU_INIT: unknown feature");
    if ((asked & ~supported(vm)) != 0)
        return refuse(EINVAL, "VCPU_INIT: a feature that this VM cannot have (sheet 4)");
    if ((asked & kPtrauth) != 0 && (asked & kPtrauth) != kPtrauth)
        return refuse(EINVAL, "VCPU_INIT: pointer authentication is two bits or none");
    if (vm.features && *vm.features != kept)
        return refuse(EINVAL, "VCPU_INIT: other features than before");
    if (vm.host.rules.family == Family::kKernelDriven && (asked & bit(abi::kVcpuRecV8)) != 0)
        ledger.violation("VCPU_INIT with bit 9: no effect, and it sticks (seen 2.10)");
    if (vm.phase() == Phase::kRunning)
        ledger.violation("VCPU_INIT of a realm that runs: no reset (sheet 4, seen 2.9)");
    if (!vm.features) {
        vm.features = kept;
        vm.dfr0 = host_dfr0(vm.host.options);
        vm.pmu_counters = vm.host.options.pmu_counters;
    }
    if (!vcpu.initialised) vcpu.sve_vqs = vm.host.options.sve_vqs;
    vcpu.features = asked;
    vcpu.initialised = true;
    vcpu.powered_off = (asked & bit(KVM_ARM_VCPU_POWER_OFF)) != 0;
    return 0;
}

long finalize(Vcpu& vcpu, int feature) {
    Vm& vm = *vcpu.vm;
    Ledger& ledger = vm.host.ledger;
    if (!vcpu.initialised) return ledger.refuse(ENOEXEC, "FINALIZE before VCPU_INIT");
    if (feature == KVM_ARM_VCPU_SVE) {
        if ((vcpu.features & bit(KVM_ARM_VCPU_SVE)) == 0)
            return ledger.refuse(EINVAL, "FINALIZE(SVE) without the feature");
        if (vcpu.sve_finalised) return ledger.refuse(EPERM, "FINALIZE(SVE) twice");
        vcpu.sve_finalised = true;
        return 0;
    }
    if (vm.is_realm() && feature >= 0 && is_rec_bit(vm, static_cast<unsigned>(feature)))
        return vm.realm->make_rec(vcpu);
    return ledger.refuse(EINVAL, "FINALIZE: nothing to finalise by that name");
}

// ---- Registers ---------------------------------------------------------------------------------

namespace {

bool is_general(std::uint64_t id) {
    return id >= x_id(0) && id <= x_id(30) && (id - x_id(0)) % 2 == 0;
}

long set_vector_lengths(Vcpu& vcpu, std::uint64_t address) {
    Vm& vm = *vcpu.vm;
    Ledger& ledger = vm.host.ledger;
    std::array<std::uint64_t, 8> lengths = {};
    if ((vcpu.features & bit(KVM_ARM_VCPU_SVE)) == 0)
        return ledger.refuse(ENOENT, "SVE_VLS of a vCPU without SVE");
    if (vcpu.sve_finalised) return ledger.refuse(EPERM, "SVE_VLS after FINALIZE(SVE) (sheet 4)");
    if (vm.is_realm() && vm.realm->state() != Realm::State::kNone)
        return ledger.refuse(EPERM, "SVE_VLS after the realm was created (sheet 4)");
    if (!read_user(address, std::as_writable_bytes(std::span(lengths))))
        return ledger.refuse(EFAULT, "SVE_VLS: 64 bytes");
    // A set is a prefix of the host's: all of its lengths up to the set's largest.
    const std::uint64_t asked = lengths[0];
    const std::uint64_t below = asked == 0 ? 0 : ~0ULL >> std::countl_zero(asked);
    for (std::size_t i = 1; i < lengths.size(); ++i)
        if (lengths[i] != 0) return ledger.refuse(EINVAL, "SVE_VLS: longer than there are");
    if (asked == 0 || asked != (vm.host.options.sve_vqs & below))
        return ledger.refuse(EINVAL, "SVE_VLS: not the host's lengths up to one of them");
    vcpu.sve_vqs = static_cast<std::uint32_t>(asked);
    return 0;
}

constexpr std::uint64_t kWrps = 0xfULL << 20;
constexpr std::uint64_t kDebugVersion = 0xf;

// Sheet 5, corrected by seen 2.4.
long set_dfr0(Vm& vm, std::uint64_t value) {
    Ledger& ledger = vm.host.ledger;
    const std::uint64_t most = host_dfr0(vm.host.options);
    if (vm.is_realm() && vm.realm->state() != Realm::State::kNone)
        return value == vm.dfr0 ? 0 : ledger.refuse(EBUSY, "DFR0 after the realm was created");
    if (((value ^ most) & ~(kWrps | kDebugVersion)) != 0)
        return ledger.refuse(EINVAL, "DFR0: only WRPs and DebugVer can be written (seen 2.4)");
    if ((value & kWrps) == 0 || (value & kWrps) > (most & kWrps) || (value & kDebugVersion) < 6 ||
        (value & kDebugVersion) > (most & kDebugVersion))
        return ledger.refuse(EINVAL, "DFR0: WRPs at least 1, DebugVer at least 6, neither raised");
    vm.dfr0 = value;
    return 0;
}

long set_pmcr(Vm& vm, std::uint64_t value) {
    const unsigned counters = (value >> 11) & 0x1f;
    if (vm.is_realm() && vm.realm->state() != Realm::State::kNone) {
        vm.host.ledger.violation("PMCR.N after the realm was created: ignored (v10 sheet 4)");
        return 0;
    }
    if (counters <= vm.host.options.pmu_counters) vm.pmu_counters = counters;  // else ignored
    return 0;
}

long set_realm_register(Vcpu& vcpu, std::uint64_t id, std::uint64_t value) {
    Vm& vm = *vcpu.vm;
    if (id == abi::kRegIdAa64dfr0) return set_dfr0(vm, value);
    if (id == abi::kRegPmcr && vm.host.rules.pmu) return set_pmcr(vm, value);
    if (!is_general(id) && id != pc_id())
        return vm.host.ledger.refuse(EINVAL, "a register that a realm's VMM cannot set (sheet 4)");
    const bool late =
        vm.host.rules.family == Family::kCommands ? vcpu.rec_made : vm.phase() == Phase::kRunning;
    if (late && id == pc_id())
        vm.host.ledger.violation("PC set after its REC was made: no effect (sheet 4)");
    vcpu.registers[id] = value;
    return 0;
}

}  // namespace

long set_register(Vcpu& vcpu, const kvm_one_reg& reg) {
    Vm& vm = *vcpu.vm;
    if (!vcpu.initialised) return vm.host.ledger.refuse(ENOEXEC, "SET_ONE_REG before VCPU_INIT");
    if (reg.id == abi::kRegSveVls) return set_vector_lengths(vcpu, reg.addr);
    const auto value = record_at<std::uint64_t>(reg.addr);
    if (!value) return vm.host.ledger.refuse(EFAULT, "SET_ONE_REG: no value");
    if (vm.is_realm()) return set_realm_register(vcpu, reg.id, *value);
    vcpu.registers[reg.id] = *value;
    return 0;
}

long get_register(Vcpu& vcpu, const kvm_one_reg& reg) {
    Vm& vm = *vcpu.vm;
    if (!vcpu.initialised) return vm.host.ledger.refuse(ENOEXEC, "GET_ONE_REG before VCPU_INIT");
    if (reg.id == abi::kRegSveVls) {
        if ((vcpu.features & bit(KVM_ARM_VCPU_SVE)) == 0)
            return vm.host.ledger.refuse(ENOENT, "SVE_VLS of a vCPU without SVE");
        const std::array<std::uint64_t, 8> lengths = {vcpu.sve_vqs};
        return write_user(reg.addr, std::as_bytes(std::span(lengths))) ? 0 : -EFAULT;
    }
    std::uint64_t value = vcpu.registers[reg.id];
    if (reg.id == abi::kRegIdAa64dfr0) value = vm.dfr0;
    if (reg.id == abi::kRegPmcr) value = std::uint64_t{vm.pmu_counters} << 11;
    store_record(reg.addr, value);
    return 0;
}

// ---- Attributes --------------------------------------------------------------------------------

long has_attribute(Vcpu& vcpu, const kvm_device_attr& attribute) {
    if (attribute.group == KVM_ARM_VCPU_TIMER_CTRL) return 0;
    const bool pmu = (vcpu.features & bit(KVM_ARM_VCPU_PMU_V3)) != 0;
    return attribute.group == KVM_ARM_VCPU_PMU_V3_CTRL && pmu && attribute.attr <= 4 ? 0 : -ENXIO;
}

long set_attribute(Vcpu& vcpu, const kvm_device_attr& attribute) {
    constexpr std::uint64_t kSetNrCounters = 4;
    Vm& vm = *vcpu.vm;
    Ledger& ledger = vm.host.ledger;
    if (attribute.group == KVM_ARM_VCPU_TIMER_CTRL) return 0;
    if (has_attribute(vcpu, attribute) != 0)
        return ledger.refuse(ENODEV, "vCPU attribute: no PMU, or not known");
    switch (attribute.attr) {
        case KVM_ARM_VCPU_PMU_V3_IRQ:
            if (!vm.gic.exists()) return ledger.refuse(EINVAL, "PMU interrupt without a GIC");
            if (vcpu.has_pmu_interrupt) return ledger.refuse(EBUSY, "PMU interrupt set twice");
            vcpu.has_pmu_interrupt = true;
            return 0;
        case KVM_ARM_VCPU_PMU_V3_INIT:
            if (!vm.gic.initialised()) return ledger.refuse(ENODEV, "PMU before the GIC");
            if (!vcpu.has_pmu_interrupt) return ledger.refuse(ENXIO, "PMU without interrupt");
            return 0;
        case kSetNrCounters: {
            const auto count = record_at<std::uint32_t>(attribute.addr);
            if (!count || *count > vm.host.options.pmu_counters)
                return ledger.refuse(EINVAL, "PMU: more counters than there are");
            if (vm.is_realm() && vm.realm->state() != Realm::State::kNone)
                ledger.violation("PMU counters set after the realm was created");
            vm.pmu_counters = *count;
            return 0;
        }
        default:
            return 0;
    }
}

}  // namespace rvmm::vmm::fake
