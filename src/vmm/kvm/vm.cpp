#include "vmm/kvm/vm.hpp"

#include <algorithm>
#include <cerrno>

#include <linux/kvm.h>

namespace rvmm::vmm::kvm {
namespace {

template <class T>
std::uintptr_t address_of(T& value) {
    return reinterpret_cast<std::uintptr_t>(&value);
}

}  // namespace

Result<System> System::open(Driver& driver) {
    const int fd = driver.open_kvm();
    if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
        return std::unexpected(
            Error::from_errno(Stage::kHostCannot, "/dev/kvm is not there", -fd)
                .with_advice("enable virtualisation in the firmware, or load the kvm module"));
    if (fd < 0)
        return std::unexpected(
            Error::from_errno(Stage::kHostCannot, "/dev/kvm cannot be opened", -fd)
                .with_advice("add yourself to the group that owns /dev/kvm, or run as root"));
    UniqueFd owned(fd);
    const long version = driver.ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION)
        return fail(Stage::kHostCannot, "/dev/kvm speaks API version {}, not {}", version,
                    KVM_API_VERSION);
    const long size = driver.ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < static_cast<long>(sizeof(kvm_run)))
        return fail(Stage::kHostCannot, "/dev/kvm gives a kvm_run of {} bytes", size);
    return System(driver, std::move(owned), static_cast<std::size_t>(size));
}

long System::capability(unsigned long number) const {
    return std::max(0L, driver_->ioctl(fd_.get(), KVM_CHECK_EXTENSION, number));
}

unsigned System::max_ipa_bits() const {
    const long bits = capability(KVM_CAP_ARM_VM_IPA_SIZE);
    return bits > 0 ? static_cast<unsigned>(bits) : 40;
}

Result<Vm> System::create_vm(unsigned ipa_bits) const {
    const long fd = driver_->ioctl(fd_.get(), KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(ipa_bits));
    if (fd < 0)
        return fail_errno(Stage::kHostCannot, static_cast<int>(-fd),
                          "cannot create a VM of {} IPA bits", ipa_bits);
    return Vm(*driver_, UniqueFd(static_cast<int>(fd)), run_size_);
}

std::expected<Vm, int> System::try_create_vm(std::uint64_t type) const {
    const long fd = driver_->ioctl(fd_.get(), KVM_CREATE_VM, type);
    if (fd < 0) return std::unexpected(static_cast<int>(-fd));
    return Vm(*driver_, UniqueFd(static_cast<int>(fd)), run_size_);
}

long Vm::capability(unsigned long number) const {
    return std::max(0L, driver_->ioctl(fd_.get(), KVM_CHECK_EXTENSION, number));
}

Result<> Vm::add_memory(std::uint32_t slot, IpaRange range, void* host) {
    kvm_userspace_memory_region region = {};
    region.slot = slot;
    region.guest_phys_addr = range.base().value;
    region.memory_size = range.size();
    region.userspace_addr = reinterpret_cast<std::uintptr_t>(host);
    const long rc = driver_->ioctl(fd_.get(), KVM_SET_USER_MEMORY_REGION, address_of(region));
    if (rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc),
                          "cannot give the VM {} bytes of memory at {:#x}", range.size(),
                          range.base().value);
    return {};
}

Result<std::uint32_t> Vm::preferred_target() {
    if (!target_) {
        kvm_vcpu_init init = {};
        const long rc = driver_->ioctl(fd_.get(), KVM_ARM_PREFERRED_TARGET, address_of(init));
        if (rc < 0)
            return fail_errno(Stage::kHostCannot, static_cast<int>(-rc),
                              "KVM has no vCPU type for this CPU");
        target_ = init.target;
    }
    return *target_;
}

Result<Vcpu> Vm::create_vcpu(std::uint32_t index) {
    RVMM_TRY(const std::uint32_t target, preferred_target());
    const long fd = driver_->ioctl(fd_.get(), KVM_CREATE_VCPU, index);
    if (fd < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-fd), "cannot create vCPU {}", index);
    UniqueFd owned(static_cast<int>(fd));
    RVMM_TRY(auto run, driver_->map_run(owned.get(), run_size_));
    return Vcpu(*driver_, std::move(owned), std::move(run), index, target);
}

Result<UniqueFd> Vm::create_device(std::uint32_t type, std::string_view name) {
    kvm_create_device device = {};
    device.type = type;
    const long rc = driver_->ioctl(fd_.get(), KVM_CREATE_DEVICE, address_of(device));
    if (rc < 0)
        return fail_errno(Stage::kHostCannot, static_cast<int>(-rc), "KVM cannot make a {}", name);
    return UniqueFd(static_cast<int>(device.fd));
}

Result<> Vm::set_attribute(int device, std::uint32_t group, std::uint64_t attribute,
                           const std::uint64_t* value, std::string_view what) {
    kvm_device_attr attr = {};
    attr.group = group;
    attr.attr = attribute;
    attr.addr = reinterpret_cast<std::uintptr_t>(value);
    const long rc = driver_->ioctl(device, KVM_SET_DEVICE_ATTR, address_of(attr));
    if (rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc), "cannot set up the {}", what);
    return {};
}

Result<> Vm::create_gic(const GicAddresses& addresses) {
    RVMM_TRY(gic_, create_device(KVM_DEV_TYPE_ARM_VGIC_V3, "GICv3"));
    const std::uint64_t distributor = addresses.distributor.value;
    RVMM_CHECK(set_attribute(gic_.get(), KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST,
                             &distributor, "GIC distributor"));
    // devices/arm-vgic-v3.rst: count[63:52] base[51:16] flags[15:12] index[11:0].
    const std::uint64_t redistributors =
        (std::uint64_t{addresses.redistributor_count} << 52) | addresses.redistributors.value;
    RVMM_CHECK(set_attribute(gic_.get(), KVM_DEV_ARM_VGIC_GRP_ADDR,
                             KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &redistributors,
                             "GIC redistributors"));
    const std::uint32_t count = addresses.interrupt_count;
    kvm_device_attr attr = {};
    attr.group = KVM_DEV_ARM_VGIC_GRP_NR_IRQS;
    attr.addr = address_of(count);
    if (const long rc = driver_->ioctl(gic_.get(), KVM_SET_DEVICE_ATTR, address_of(attr)); rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc),
                          "cannot give the GIC {} interrupts", count);
    RVMM_CHECK(set_attribute(gic_.get(), KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
                             nullptr, "GIC"));
    if (!addresses.its) return {};
    RVMM_TRY(its_, create_device(KVM_DEV_TYPE_ARM_VGIC_ITS, "GICv3 ITS"));
    const std::uint64_t its = addresses.its->value;
    RVMM_CHECK(set_attribute(its_.get(), KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, &its,
                             "ITS frame"));
    return set_attribute(its_.get(), KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, nullptr,
                         "ITS");
}

Result<> Vm::forward_smccc(SmcccRange range) {
    kvm_smccc_filter filter = {};
    filter.base = range.first;
    filter.nr_functions = range.count;
    filter.action = KVM_SMCCC_FILTER_FWD_TO_USER;
    kvm_device_attr attr = {};
    attr.group = KVM_ARM_VM_SMCCC_CTRL;
    attr.attr = KVM_ARM_VM_SMCCC_FILTER;
    attr.addr = address_of(filter);
    const long rc = driver_->ioctl(fd_.get(), KVM_SET_DEVICE_ATTR, address_of(attr));
    if (rc < 0)
        return std::unexpected(
            Error::from_errno(Stage::kHostCannot,
                              fmt::format("KVM does not forward SMCCC calls {:#x}", range.first),
                              static_cast<int>(-rc))
                .with_advice("use a host kernel of Linux 6.4 or later"));
    return {};
}

Result<> Vm::set_spi(std::uint32_t spi, bool level) {
    kvm_irq_level irq = {};
    irq.irq = (KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT) | (32 + spi);
    irq.level = level ? 1 : 0;
    const long rc = driver_->ioctl(fd_.get(), KVM_IRQ_LINE, address_of(irq));
    if (rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc), "cannot set interrupt {}", spi);
    return {};
}

}  // namespace rvmm::vmm::kvm
