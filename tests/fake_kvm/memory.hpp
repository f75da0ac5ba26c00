// A VM's memory as KVM keeps it: memory slots, guest_memfds, and which pages are private.
// Source: kvm-realm-abi.md section 3; Documentation/virt/kvm/api.rst.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "fake_kvm/host.hpp"
#include "vmm/memory/range_set.hpp"

namespace rvmm::vmm::fake {

struct Gmem {
    std::uint64_t size = 0;
    std::uint64_t flags = 0;
    const void* vm = nullptr;
    RangeSet private_offsets;  // where attributes are the guest_memfd's
};

struct Slot {
    std::uint32_t id = 0;
    std::uint32_t flags = 0;
    IpaRange range;
    std::uint64_t userspace = 0;
    std::shared_ptr<Gmem> gmem;
    std::uint64_t gmem_offset = 0;
};

/// Where the realm's life stands, as far as memory calls care.
enum class Phase : std::uint8_t { kOrdinary, kNotPopulated, kPopulated, kRunning };

class GuestMemory {
  public:
    struct Conversion {
        IpaRange range;
        bool to_private;
        friend bool operator==(const Conversion&, const Conversion&) = default;
    };

    GuestMemory(Host& host, bool realm, unsigned ipa_bits)
        : host_(host), realm_(realm), ipa_bits_(ipa_bits) {}

    // The calls. -errno, or what the ioctl returns.
    /// `gmem` is what region.guest_memfd refers to: nothing if that is no guest_memfd.
    long set_region(const kvm::abi::UserMemoryRegion2& region, std::shared_ptr<Gmem> gmem);
    /// The new guest_memfd.
    std::shared_ptr<Gmem> create_gmem(const kvm::abi::CreateGuestMemfd& request, long& error);
    long set_attributes(const kvm::abi::MemoryAttributes& request, Phase phase);
    long set_gmem_attributes(Gmem& gmem, kvm::abi::MemoryAttributes2& request, Phase phase);
    long punch(Gmem& gmem, std::uint64_t offset, std::uint64_t size, Phase phase);

    /// In the order in which they were set.
    const std::vector<Slot>& slots() const { return slots_; }
    const Slot* slot_at(Ipa ipa) const;
    /// What KVM's walk over the slots meets, in its order.
    std::vector<const Slot*> walk() const;

    /// All of `range` has the private attribute.
    bool is_private(const IpaRange& range) const;
    /// Nothing of it has.
    bool is_shared(const IpaRange& range) const;

    /// Pages that belong to the RMM now: delegated, not yet given back.
    void take(const IpaRange& range) { owned_.add({range.base().value, range.top().value}); }
    void give_back(const IpaRange& range) {
        owned_.remove({range.base().value, range.top().value});
    }
    const RangeSet& owned() const { return owned_; }

    /// Attribute changes since the realm runs.
    std::vector<Conversion> conversions;

  private:
    long check_region(const kvm::abi::UserMemoryRegion2& region, const Gmem* gmem) const;
    long check_gmem(const kvm::abi::UserMemoryRegion2& region, const Gmem* gmem) const;
    long remove(std::uint32_t id);
    void check_backing(const kvm::abi::UserMemoryRegion2& region);
    std::vector<IpaRange> ranges_of(const Gmem& gmem, RangeSet::Run offsets) const;
    void note_change(const IpaRange& range, bool to_private, Phase phase);

    Host& host_;
    bool realm_;
    unsigned ipa_bits_;
    std::vector<Slot> slots_;
    RangeSet private_;  // by IPA, where attributes are the VM's
    RangeSet owned_;
};

}  // namespace rvmm::vmm::fake
