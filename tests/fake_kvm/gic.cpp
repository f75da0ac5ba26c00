#include "fake_kvm/gic.hpp"

#include <linux/kvm.h>

#include "fake_kvm/host_memory.hpp"

namespace rvmm::vmm::fake {
namespace {

constexpr std::uint64_t kFrame = 0x1'0000;
constexpr std::uint64_t kRegionAddress = 0x000f'ffff'ffff'0000;  // of REDIST_REGION

}  // namespace

long Gic::create(std::uint32_t type, bool has_run) {
    switch (type) {
        case KVM_DEV_TYPE_ARM_VGIC_V3:
            if (exists_) return host_.ledger.refuse(EEXIST, "a second GIC");
            if (has_run) return host_.ledger.refuse(EBUSY, "GIC made after a vCPU has run");
            exists_ = true;
            return 0;
        case KVM_DEV_TYPE_ARM_VGIC_ITS:
            return 0;
        case KVM_DEV_TYPE_ARM_VGIC_V2:
            // The fake's machine cannot emulate it for ordinary VMs either.
            return host_.ledger.refuse(ENODEV, "GICv2 (sheet 8: GICv3 only)");
        default:
            return host_.ledger.refuse(ENODEV, "unknown device type");
    }
}

long Gic::set_address(std::uint32_t type, std::uint64_t kind, std::uint64_t value) {
    const bool its = type == KVM_DEV_TYPE_ARM_VGIC_ITS;
    const bool region = !its && kind == KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION;
    const std::uint64_t address = region ? value & kRegionAddress : value;
    if (!region && address % kFrame != 0)
        return host_.ledger.refuse(EINVAL, "GIC frame: not 64 KiB aligned");
    if (address >= 1ULL << ipa_bits_)
        return host_.ledger.refuse(E2BIG, "GIC frame: beyond the VM's IPA size");
    if (realm_ && address >= 1ULL << (ipa_bits_ - 1))
        host_.ledger.violation("GIC frame above the shared bit (sheet 8: plain addresses)");
    bool& set = kind == KVM_VGIC_V3_ADDR_TYPE_DIST ? distributor_ : redistributors_;
    if (!its && !region && set) return host_.ledger.refuse(EEXIST, "GIC frame set twice");
    if (!its) set = true;
    addresses_.push_back(value);
    return 0;
}

long Gic::initialise(std::uint32_t type) {
    if (type == KVM_DEV_TYPE_ARM_VGIC_ITS) return 0;
    initialised_ = true;
    return 0;
}

long Gic::set_attribute(std::uint32_t type, const kvm_device_attr& attribute) {
    switch (attribute.group) {
        case KVM_DEV_ARM_VGIC_GRP_ADDR: {
            const auto value = record_at<std::uint64_t>(attribute.addr);
            if (!value) return host_.ledger.refuse(EFAULT, "GIC frame: unreadable");
            return set_address(type, attribute.attr, *value);
        }
        case KVM_DEV_ARM_VGIC_GRP_NR_IRQS: {
            const auto count = record_at<std::uint32_t>(attribute.addr);
            if (!count) return host_.ledger.refuse(EFAULT, "GIC interrupts: unreadable");
            if (*count < 64 || *count > 1024 || *count % 32 != 0)
                return host_.ledger.refuse(EINVAL, "GIC interrupts: 64 to 1024, in steps of 32");
            if (initialised_)
                return host_.ledger.refuse(EBUSY, "GIC interrupts: already initialised");
            interrupts_ = *count;
            return 0;
        }
        case KVM_DEV_ARM_VGIC_GRP_CTRL:
            if (attribute.attr == KVM_DEV_ARM_VGIC_CTRL_INIT) return initialise(type);
            [[fallthrough]];
        default:
            return host_.ledger.refuse(ENXIO, "GIC: unknown attribute");
    }
}

long Gic::check_line(std::uint32_t interrupt) const {
    if (!exists_) return host_.ledger.refuse(ENXIO, "interrupt without an in-kernel GIC");
    if (interrupt < 32 || interrupt >= interrupts_)
        return host_.ledger.refuse(EINVAL, "interrupt: no such SPI");
    return 0;
}

}  // namespace rvmm::vmm::fake
