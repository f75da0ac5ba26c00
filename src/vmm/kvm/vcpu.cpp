#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <linux/kvm.h>

#include "vmm/kvm/realm_abi.hpp"
#include "vmm/kvm/vm.hpp"

namespace rvmm::vmm::kvm {
namespace {

constexpr std::uint64_t kCoreU64 = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE;

// api.rst, KVM_SET_ONE_REG: core registers are numbered by their 32-bit word in struct kvm_regs.
constexpr std::uint64_t x_id(unsigned number) {
    return kCoreU64 | ((offsetof(kvm_regs, regs.regs) + std::size_t{8} * number) / 4);
}
constexpr std::uint64_t kPcId = kCoreU64 | (offsetof(kvm_regs, regs.pc) / 4);
/// A system register of op0 3, op1 0, CRn 0.
constexpr std::uint64_t id_register(unsigned crm, unsigned op2) {
    return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG |
           (3U << KVM_REG_ARM64_SYSREG_OP0_SHIFT) | (crm << KVM_REG_ARM64_SYSREG_CRM_SHIFT) |
           (op2 << KVM_REG_ARM64_SYSREG_OP2_SHIFT);
}
constexpr std::uint64_t kMpidrId = id_register(0, 5);
static_assert(id_register(5, 0) == abi::kRegIdAa64dfr0);
constexpr std::uint64_t kAffinityMask = 0xff'00ff'ffffULL;

kvm_run* run_area(const Mapping& mapping) {
    return reinterpret_cast<kvm_run*>(mapping.data());
}

SystemEventExit::Kind kind_of(std::uint32_t type) {
    switch (type) {
        case KVM_SYSTEM_EVENT_SHUTDOWN:
            return SystemEventExit::Kind::kShutdown;
        case KVM_SYSTEM_EVENT_RESET:
            return SystemEventExit::Kind::kReset;
        case KVM_SYSTEM_EVENT_CRASH:
            return SystemEventExit::Kind::kCrash;
        default:
            return SystemEventExit::Kind::kOther;
    }
}

MmioExit mmio_exit(const kvm_run& run) {
    MmioExit exit = {};
    exit.address = Ipa{run.mmio.phys_addr};
    exit.length = std::min<std::uint32_t>(run.mmio.len, 8);
    exit.is_write = run.mmio.is_write != 0;
    std::memcpy(exit.data.data(), run.mmio.data, exit.length);
    return exit;
}

MemoryFaultExit memory_fault(const kvm_run& run) {
    return {run.memory_fault.flags, Ipa{run.memory_fault.gpa}, run.memory_fault.size};
}

Exit decode(const kvm_run& run) {
    switch (run.exit_reason) {
        case KVM_EXIT_MMIO:
            return mmio_exit(run);
        case KVM_EXIT_HYPERCALL:
            return HypercallExit{static_cast<std::uint32_t>(run.hypercall.nr),
                                 (run.hypercall.flags & KVM_HYPERCALL_EXIT_SMC) != 0};
        case KVM_EXIT_SYSTEM_EVENT:
            return SystemEventExit{kind_of(run.system_event.type), run.system_event.type};
        case KVM_EXIT_INTR:
            return InterruptedExit{};
        case KVM_EXIT_SHUTDOWN:
            return ShutdownExit{};
        case KVM_EXIT_FAIL_ENTRY:
            return FailedExit{run.exit_reason, run.fail_entry.hardware_entry_failure_reason, 0};
        case KVM_EXIT_INTERNAL_ERROR:
            return FailedExit{run.exit_reason, run.internal.suberror, 0};
        default:
            return FailedExit{run.exit_reason, 0, 0};
    }
}

}  // namespace

long Vcpu::try_init(const VcpuFeatures& features) {
    kvm_vcpu_init init = {};
    init.target = target_;
    const auto add = [&](bool wanted, unsigned bit) {
        if (wanted) init.features[0] |= 1U << bit;
    };
    add(true, abi::kVcpuPsci02);
    add(features.powered_off, abi::kVcpuPowerOff);
    add(features.sve, abi::kVcpuSve);
    add(features.pmu, abi::kVcpuPmuV3);
    add(features.rec.has_value(), features.rec.value_or(0));
    return call(KVM_ARM_VCPU_INIT, &init);
}

Result<> Vcpu::init(const VcpuFeatures& features) {
    if (const long rc = try_init(features); rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc), "cannot initialise vCPU {}",
                          index_);
    return {};
}

long Vcpu::finalize(unsigned feature) {
    int bit = static_cast<int>(feature);
    return call(KVM_ARM_VCPU_FINALIZE, &bit);
}

template <class Value>
Result<> Vcpu::set_register(std::uint64_t id, Value value, std::string_view name) {
    kvm_one_reg reg = {id, reinterpret_cast<std::uintptr_t>(&value)};
    if (const long rc = call(KVM_SET_ONE_REG, &reg); rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc), "cannot set {} of vCPU {}", name,
                          index_);
    return {};
}

template <class Value>
Result<Value> Vcpu::get_register(std::uint64_t id, std::string_view name) const {
    Value value = {};
    kvm_one_reg reg = {id, reinterpret_cast<std::uintptr_t>(&value)};
    const long rc =
        driver_->ioctl(fd_.get(), KVM_GET_ONE_REG, reinterpret_cast<std::uintptr_t>(&reg));
    if (rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc), "cannot read {} of vCPU {}", name,
                          index_);
    return value;
}

Result<> Vcpu::set_x(unsigned number, std::uint64_t value) {
    return set_register(x_id(number), value, "a general register");
}

Result<std::uint64_t> Vcpu::x(unsigned number) const {
    return get_register(x_id(number), "a general register");
}

Result<> Vcpu::set_pc(std::uint64_t value) {
    return set_register(kPcId, value, "PC");
}

Result<std::uint64_t> Vcpu::mpidr() const {
    RVMM_TRY(const std::uint64_t value, get_register(kMpidrId, "MPIDR_EL1"));
    return value & kAffinityMask;
}

Result<std::uint64_t> Vcpu::id_aa64dfr0() const {
    return get_register(abi::kRegIdAa64dfr0, "ID_AA64DFR0_EL1");
}

Result<> Vcpu::set_id_aa64dfr0(std::uint64_t value) {
    return set_register(abi::kRegIdAa64dfr0, value, "ID_AA64DFR0_EL1");
}

Result<std::uint64_t> Vcpu::pmcr() const {
    return get_register(abi::kRegPmcr, "PMCR_EL0");
}

Result<> Vcpu::set_pmcr(std::uint64_t value) {
    return set_register(abi::kRegPmcr, value, "PMCR_EL0");
}

Result<Vcpu::SveLengths> Vcpu::sve_lengths() const {
    return get_register<SveLengths>(abi::kRegSveVls, "the SVE vector lengths");
}

Result<> Vcpu::set_sve_lengths(const SveLengths& lengths) {
    return set_register(abi::kRegSveVls, lengths, "the SVE vector lengths");
}

Result<> Vcpu::init_pmu(std::uint32_t interrupt) {
    kvm_device_attr attr = {};
    attr.group = KVM_ARM_VCPU_PMU_V3_CTRL;
    attr.attr = KVM_ARM_VCPU_PMU_V3_IRQ;
    attr.addr = reinterpret_cast<std::uintptr_t>(&interrupt);
    long rc = call(KVM_SET_DEVICE_ATTR, &attr);
    attr.attr = KVM_ARM_VCPU_PMU_V3_INIT;
    attr.addr = 0;
    if (rc == 0) rc = call(KVM_SET_DEVICE_ATTR, &attr);
    if (rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc), "cannot set up the PMU of vCPU {}",
                          index_);
    return {};
}

Result<> Vcpu::power_off() {
    kvm_mp_state state = {KVM_MP_STATE_STOPPED};
    const long rc =
        driver_->ioctl(fd_.get(), KVM_SET_MP_STATE, reinterpret_cast<std::uintptr_t>(&state));
    if (rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc), "cannot stop vCPU {}", index_);
    return {};
}

Exit Vcpu::run() {
    kvm_run& run = *run_area(run_);
    const long rc = driver_->ioctl(fd_.get(), KVM_RUN, 0);
    if (rc == -EINTR || rc == -EAGAIN) return InterruptedExit{};
    if (run.exit_reason == KVM_EXIT_MEMORY_FAULT) {
        const MemoryFaultExit fault = memory_fault(run);
        // Some errors leave the field as it was: it must not say MEMORY_FAULT a second time. Other
        // reasons stay: KVM completes an MMIO only while the field still says MMIO.
        run.exit_reason = KVM_EXIT_UNKNOWN;
        return fault;
    }
    if (rc < 0) return FailedExit{run.exit_reason, 0, static_cast<int>(-rc)};
    return decode(run);
}

int Vcpu::prepare_to_run() {
    request_exit();
    const long rc = driver_->ioctl(fd_.get(), KVM_RUN, 0);
    clear_exit_request();
    return rc == -EINTR ? 0 : static_cast<int>(rc < 0 ? -rc : EPROTO);
}

void Vcpu::finish_mmio_read(const std::array<std::byte, 8>& data, std::size_t length) {
    std::memcpy(run_area(run_)->mmio.data, data.data(), length);
}

void Vcpu::request_exit() {
    std::atomic_ref(run_area(run_)->immediate_exit).store(1, std::memory_order_release);
}

void Vcpu::clear_exit_request() {
    std::atomic_ref(run_area(run_)->immediate_exit).store(0, std::memory_order_release);
}

}  // namespace rvmm::vmm::kvm
