// A VMM that makes the calls of a launch by hand: every function is one call, and returns what the
// call returns. For tests of the fake itself.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "fake_kvm/guest.hpp"

namespace rvmm::vmm {

/// Memory of a slot: the shared half, and the guest_memfd.
struct RawSlot {
    IpaRange range;
    UniqueFd file;
    Mapping shared;
    UniqueFd gmem;
    std::byte* at(Ipa ipa) const { return shared.data() + (ipa - range.base()); }
};

class RawVmm {
  public:
    explicit RawVmm(FakeKvm& kvm) : kvm_(kvm), system_(kvm.open_kvm()) {}

    template <class T>
    long call(int fd, unsigned long request, T& argument) {
        return kvm_.ioctl(fd, request, reinterpret_cast<std::uintptr_t>(&argument));
    }
    int vm() const { return vm_.get(); }
    int vcpu(std::uint32_t id) const { return vcpus_.at(id).get(); }
    long check(unsigned long capability) {
        return kvm_.ioctl(vm(), KVM_CHECK_EXTENSION, capability);
    }

    long create_vm(std::uint64_t type);
    /// A realm of the fake's revision.
    long create_realm(unsigned ipa_bits);
    void close_vm() { vm_.reset(); }
    void close_all();

    long add_slot(std::uint32_t id, IpaRange range, int map_flags = MAP_SHARED);
    long delete_slot(std::uint32_t id);
    RawSlot& slot(std::uint32_t id) { return slots_.at(id); }
    RawSlot& slot_at(Ipa ipa);
    /// By the VM's attributes (v8 to v14).
    long set_private(IpaRange range, bool is_private);
    /// By the guest_memfd's (v15), of a whole range of slot 0.
    long set_gmem_private(IpaRange range, bool is_private);
    int punch(std::uint32_t id, IpaRange range);

    long create_vcpu(std::uint32_t id);
    long init_vcpu(std::uint32_t id, std::uint32_t features = 1U << KVM_ARM_VCPU_PSCI_0_2);
    long finalize(std::uint32_t id, int feature);
    long set(std::uint32_t id, std::uint64_t reg, std::uint64_t value);
    std::uint64_t get(std::uint32_t id, std::uint64_t reg);
    long set_vector_lengths(std::uint32_t id, std::uint64_t vqs);
    long create_gic(std::uint32_t type = KVM_DEV_TYPE_ARM_VGIC_V3);
    long set_gic_frames(std::uint64_t shared_bit = 0);
    long init_gic();
    long forward(std::uint32_t base, std::uint32_t count);

    /// v12 and later. v12: the bytes; later: 0, and request is advanced.
    long populate(kvm::abi::Populate& request);
    /// From an aligned copy of `bytes`; from NULL if they are at NULL.
    long populate(Ipa ipa, ByteSpan bytes, std::uint32_t flags = kvm::abi::kPopulateMeasure);
    /// v7 to v11.
    long command(kvm::abi::RealmCommand command, const void* record = nullptr);
    long init_ripas(IpaRange range);
    long populate_slot(IpaRange range, std::uint32_t flags = kvm::abi::kPopulateMeasure);

    long run(std::uint32_t id = 0) { return kvm_.ioctl(vcpu(id), KVM_RUN, 0); }
    kvm_run& area(std::uint32_t id = 0) { return *reinterpret_cast<kvm_run*>(runs_.at(id).data()); }
    /// KVM_RUN that is to come back at once, after what it does first.
    long run_briefly(std::uint32_t id = 0);

    /// All that comes before POPULATE: a slot, vCPUs that are initialised, a GIC.
    void build(IpaRange ram, std::uint32_t vcpus = 1);
    std::uint32_t features() const;

  private:
    FakeKvm& kvm_;
    UniqueFd system_;
    UniqueFd vm_;
    UniqueFd gic_;
    std::map<std::uint32_t, RawSlot> slots_;
    std::map<std::uint32_t, UniqueFd> vcpus_;
    std::map<std::uint32_t, Mapping> runs_;
};

}  // namespace rvmm::vmm
