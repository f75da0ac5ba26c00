#include "vmm/fake_kvm/raw_vmm.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace rvmm::vmm {

namespace abi = kvm::abi;

namespace {

constexpr std::size_t kRunSize = 4096;

template <class T>
std::uintptr_t address_of(T& value) {
    return reinterpret_cast<std::uintptr_t>(&value);
}

}  // namespace

long RawVmm::create_vm(std::uint64_t type) {
    const long fd = kvm_.ioctl(system_.get(), KVM_CREATE_VM, type);
    if (fd >= 0) vm_.reset(static_cast<int>(fd));
    return fd < 0 ? fd : 0;
}

long RawVmm::create_realm(unsigned ipa_bits) {
    return create_vm(fake::rules_of(kvm_.options()).realm_type | ipa_bits);
}

void RawVmm::close_all() {
    runs_.clear();
    vcpus_.clear();
    gic_.reset();
    slots_.clear();
    vm_.reset();
    system_.reset();
}

long RawVmm::add_slot(std::uint32_t id, IpaRange range, int map_flags) {
    RawSlot slot;
    slot.range = range;
    slot.file.reset(::memfd_create("raw-ram", MFD_CLOEXEC));
    EXPECT_EQ(::ftruncate(slot.file.get(), static_cast<off_t>(range.size())), 0);
    slot.shared =
        *Mapping::create("ram", range.size(), PROT_READ | PROT_WRITE, map_flags, slot.file.get());
    ::madvise(slot.shared.data(), slot.shared.size(), MADV_NOHUGEPAGE);
    abi::CreateGuestMemfd memfd = {};
    memfd.size = range.size();
    const long gmem = call(vm(), abi::kCreateGuestMemfd, memfd);
    if (gmem < 0) return gmem;
    slot.gmem.reset(static_cast<int>(gmem));
    abi::UserMemoryRegion2 region = {};
    region.slot = id;
    region.flags = abi::kMemGuestMemfd;
    region.guest_phys_addr = range.base().value;
    region.memory_size = range.size();
    region.userspace_addr = reinterpret_cast<std::uintptr_t>(slot.shared.data());
    region.guest_memfd = static_cast<std::uint32_t>(gmem);
    slots_[id] = std::move(slot);
    return call(vm(), abi::kSetUserMemoryRegion2, region);
}

long RawVmm::delete_slot(std::uint32_t id) {
    abi::UserMemoryRegion2 region = {};
    region.slot = id;
    const long done = call(vm(), abi::kSetUserMemoryRegion2, region);
    slots_.erase(id);
    return done;
}

RawSlot& RawVmm::slot_at(Ipa ipa) {
    for (auto& [id, slot] : slots_)
        if (slot.range.contains(ipa)) return slot;
    ADD_FAILURE() << "no slot";
    return slots_.begin()->second;
}

long RawVmm::set_private(IpaRange range, bool is_private) {
    abi::MemoryAttributes attributes = {};
    attributes.address = range.base().value;
    attributes.size = range.size();
    attributes.attributes = is_private ? abi::kAttributePrivate : 0;
    return call(vm(), abi::kSetMemoryAttributes, attributes);
}

long RawVmm::set_gmem_private(IpaRange range, bool is_private) {
    abi::MemoryAttributes2 attributes = {};
    attributes.offset = range.base() - slot(0).range.base();
    attributes.size = range.size();
    attributes.attributes = is_private ? abi::kAttributePrivate : 0;
    return call(slot(0).gmem.get(), abi::kSetMemoryAttributes2, attributes);
}

int RawVmm::punch(std::uint32_t id, IpaRange range) {
    return kvm_.punch_hole(slot(id).gmem.get(), range.base() - slot(id).range.base(), range.size());
}

long RawVmm::create_vcpu(std::uint32_t id) {
    const long fd = kvm_.ioctl(vm(), KVM_CREATE_VCPU, id);
    if (fd < 0) return fd;
    vcpus_[id].reset(static_cast<int>(fd));
    runs_[id] = *kvm_.map_run(static_cast<int>(fd), kRunSize);
    return 0;
}

long RawVmm::init_vcpu(std::uint32_t id, std::uint32_t features) {
    kvm_vcpu_init init = {};
    kvm_.ioctl(vm(), KVM_ARM_PREFERRED_TARGET, address_of(init));
    init.features[0] = features;
    return call(vcpu(id), KVM_ARM_VCPU_INIT, init);
}

long RawVmm::finalize(std::uint32_t id, int feature) {
    return call(vcpu(id), KVM_ARM_VCPU_FINALIZE, feature);
}

long RawVmm::set(std::uint32_t id, std::uint64_t reg, std::uint64_t value) {
    kvm_one_reg one = {reg, address_of(value)};
    return call(vcpu(id), KVM_SET_ONE_REG, one);
}

std::uint64_t RawVmm::get(std::uint32_t id, std::uint64_t reg) {
    std::uint64_t value = 0;
    kvm_one_reg one = {reg, address_of(value)};
    EXPECT_EQ(call(vcpu(id), KVM_GET_ONE_REG, one), 0);
    return value;
}

long RawVmm::set_vector_lengths(std::uint32_t id, std::uint64_t vqs) {
    std::uint64_t lengths[8] = {vqs};
    kvm_one_reg one = {abi::kRegSveVls, address_of(lengths)};
    return call(vcpu(id), KVM_SET_ONE_REG, one);
}

long RawVmm::create_gic(std::uint32_t type) {
    kvm_create_device device = {};
    device.type = type;
    const long done = call(vm(), KVM_CREATE_DEVICE, device);
    if (done == 0) gic_.reset(static_cast<int>(device.fd));
    return done;
}

long RawVmm::set_gic_frames(std::uint64_t shared_bit) {
    const std::uint64_t frames[] = {0x3fff'0000 | shared_bit, 0x3ffb'0000 | shared_bit};
    const std::uint64_t types[] = {KVM_VGIC_V3_ADDR_TYPE_DIST, KVM_VGIC_V3_ADDR_TYPE_REDIST};
    for (int i = 0; i < 2; ++i) {
        kvm_device_attr attribute = {};
        attribute.group = KVM_DEV_ARM_VGIC_GRP_ADDR;
        attribute.attr = types[i];
        attribute.addr = address_of(frames[i]);
        if (const long error = call(gic_.get(), KVM_SET_DEVICE_ATTR, attribute)) return error;
    }
    return 0;
}

long RawVmm::init_gic() {
    kvm_device_attr attribute = {};
    attribute.group = KVM_DEV_ARM_VGIC_GRP_CTRL;
    attribute.attr = KVM_DEV_ARM_VGIC_CTRL_INIT;
    return call(gic_.get(), KVM_SET_DEVICE_ATTR, attribute);
}

long RawVmm::forward(std::uint32_t base, std::uint32_t count) {
    kvm_smccc_filter filter = {};
    filter.base = base;
    filter.nr_functions = count;
    filter.action = KVM_SMCCC_FILTER_FWD_TO_USER;
    kvm_device_attr attribute = {};
    attribute.group = KVM_ARM_VM_SMCCC_CTRL;
    attribute.attr = KVM_ARM_VM_SMCCC_FILTER;
    attribute.addr = address_of(filter);
    return call(vm(), KVM_SET_DEVICE_ATTR, attribute);
}

long RawVmm::populate(abi::Populate& request) {
    return call(vm(), fake::rules_of(kvm_.options()).populate, request);
}

long RawVmm::populate(Ipa ipa, ByteSpan bytes, std::uint32_t flags) {
    Mapping staging;
    if (!bytes.empty() && bytes.data() != nullptr) {
        staging = *Mapping::create("staging", bytes.size(), PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1);
        std::ranges::copy(bytes, staging.data());
    }
    abi::Populate request = {};
    request.base = ipa.value;
    request.size = bytes.size();
    request.source = reinterpret_cast<std::uintptr_t>(staging.data());
    request.flags = flags;
    return populate(request);
}

long RawVmm::command(abi::RealmCommand command, const void* record) {
    abi::EnableCap cap = {};
    cap.cap = kvm_.options().tree.cap;
    cap.args[0] = static_cast<std::uint64_t>(command);
    cap.args[1] = reinterpret_cast<std::uintptr_t>(record);
    return call(vm(), abi::kEnableCap, cap);
}

long RawVmm::init_ripas(IpaRange range) {
    const abi::InitRipasV10 record = {range.base().value, range.size(), {}};
    return command(abi::RealmCommand::kInitRipas, &record);
}

long RawVmm::populate_slot(IpaRange range, std::uint32_t flags) {
    const abi::PopulateV10 record = {range.base().value, range.size(), flags, {}};
    return command(abi::RealmCommand::kPopulate, &record);
}

long RawVmm::run_briefly(std::uint32_t id) {
    area(id).immediate_exit = 1;
    const long done = run(id);
    area(id).immediate_exit = 0;
    return done;
}

std::uint32_t RawVmm::features() const {
    const bool commands = kvm_.options().revision == FakeRevision::kV10;
    return (1U << KVM_ARM_VCPU_PSCI_0_2) | (commands ? 1U << kvm_.options().tree.rec_bit : 0);
}

void RawVmm::build(IpaRange ram, std::uint32_t vcpus) {
    EXPECT_EQ(add_slot(0, ram), 0);
    if (kvm_.options().revision != FakeRevision::kV15) {
        EXPECT_EQ(set_private(ram, true), 0);
    }
    for (std::uint32_t id = 0; id < vcpus; ++id) EXPECT_EQ(create_vcpu(id), 0);
    EXPECT_EQ(create_gic(), 0);
    EXPECT_EQ(set_gic_frames(), 0);
    EXPECT_EQ(init_gic(), 0);
    for (std::uint32_t id = 0; id < vcpus; ++id)
        EXPECT_EQ(init_vcpu(id, features() | (id == 0 ? 0 : 1U << KVM_ARM_VCPU_POWER_OFF)), 0);
}

}  // namespace rvmm::vmm
