#include "fake_kvm/memory.hpp"

#include <algorithm>

#include <linux/kvm.h>
#include <unistd.h>

#include "fake_kvm/host_memory.hpp"
#include "realm/plan/ripas_entries.hpp"

namespace rvmm::vmm::fake {

namespace abi = kvm::abi;

namespace {

constexpr std::uint32_t kMaxSlots = 32767;
constexpr std::uint64_t kMaxPages = (1ULL << 31) - 1;

RangeSet::Run run_of(const IpaRange& range) {
    return {range.base().value, range.top().value};
}

bool wraps(std::uint64_t base, std::uint64_t size) {
    return base + size < base;
}

}  // namespace

// ---- Slots -----------------------------------------------------------------------------------

long GuestMemory::check_region(const abi::UserMemoryRegion2& region, const Gmem* gmem) const {
    // A process of another page size cannot map in the fake host's units.
    const auto own_page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t page = host_.options.page_size;
    const std::uint32_t flags = realm_ ? abi::kMemGuestMemfd : std::uint32_t{KVM_MEM_READONLY};
    const std::uint64_t top = region.guest_phys_addr + region.memory_size;
    if ((region.flags & ~(flags | KVM_MEM_LOG_DIRTY_PAGES)) != 0)
        return host_.ledger.refuse(EINVAL, "memory slot: unknown flags (api.rst)");
    if (!host_.is_page_aligned(region.guest_phys_addr | region.memory_size) ||
        region.userspace_addr % own_page != 0 || region.slot >= kMaxSlots ||
        wraps(region.guest_phys_addr, region.memory_size))
        return host_.ledger.refuse(EINVAL, "memory slot: not whole pages, or no slot (api.rst)");
    if (region.memory_size / page > kMaxPages)
        return host_.ledger.refuse(EINVAL, "memory slot: too large (api.rst)");
    if (top > 1ULL << ipa_bits_)
        return host_.ledger.refuse(EFAULT, "memory slot: beyond the VM's IPA size");
    for (const Slot& slot : slots_)
        if (slot.id != region.slot &&
            slot.range.overlaps(*IpaRange::make(Ipa{region.guest_phys_addr}, region.memory_size)))
            return host_.ledger.refuse(EEXIST, "memory slot: overlaps another (api.rst)");
    return (region.flags & abi::kMemGuestMemfd) != 0 ? check_gmem(region, gmem) : 0;
}

long GuestMemory::check_gmem(const abi::UserMemoryRegion2& region, const Gmem* gmem) const {
    if ((region.flags & KVM_MEM_LOG_DIRTY_PAGES) != 0)
        return host_.ledger.refuse(EINVAL, "memory slot: no dirty log with guest_memfd (sheet 11)");
    if (gmem == nullptr || gmem->vm != this)
        return host_.ledger.refuse(EINVAL, "memory slot: no guest_memfd of this VM");
    if (!host_.is_page_aligned(region.guest_memfd_offset) ||
        wraps(region.guest_memfd_offset, region.memory_size) ||
        region.guest_memfd_offset + region.memory_size > gmem->size)
        return host_.ledger.refuse(EINVAL, "memory slot: not inside its guest_memfd");
    for (const Slot& slot : slots_)
        if (slot.gmem.get() == gmem &&
            IpaRange::make(Ipa{slot.gmem_offset}, slot.range.size())
                ->overlaps(*IpaRange::make(Ipa{region.guest_memfd_offset}, region.memory_size)))
            return host_.ledger.refuse(EINVAL, "memory slot: its guest_memfd range is in use");
    return 0;
}

// The traps of the shared half: sheet 3.2, and 3.3 for RAM above the shared bit.
void GuestMemory::check_backing(const abi::UserMemoryRegion2& region) {
    if (!realm_) return;
    if (region.guest_phys_addr + region.memory_size > 1ULL << (ipa_bits_ - 1))
        host_.ledger.violation("memory slot above the shared bit (sheet 2)");
    if (!host_.rules.plain_backing || region.userspace_addr == 0) return;
    const Backing backing = full_backing_of(region.userspace_addr, region.memory_size);
    if (!backing.mapped || !backing.shared)
        host_.ledger.violation("shared half is not all MAP_SHARED memory (sheet 3.2, v14)");
    if (backing.huge_pages)
        host_.ledger.violation("shared half may have huge pages (sheet 3.2, v14)");
}

long GuestMemory::remove(std::uint32_t id) {
    const auto found = std::ranges::find(slots_, id, &Slot::id);
    if (found == slots_.end())
        return host_.ledger.refuse(EINVAL, "memory slot: there is none to delete (api.rst)");
    give_back(found->range);
    slots_.erase(found);
    return 0;
}

long GuestMemory::set_region(const abi::UserMemoryRegion2& region, std::shared_ptr<Gmem> gmem) {
    if (const long error = check_region(region, gmem.get()); error != 0) return error;
    if (region.memory_size == 0) return remove(region.slot);
    if (std::ranges::find(slots_, region.slot, &Slot::id) != slots_.end())
        return host_.ledger.refuse(EINVAL, "memory slot: changed after it was set");
    check_backing(region);
    Slot slot = {.id = region.slot,
                 .flags = region.flags,
                 .range = *IpaRange::make(Ipa{region.guest_phys_addr}, region.memory_size),
                 .userspace = region.userspace_addr,
                 .gmem = nullptr,
                 .gmem_offset = region.guest_memfd_offset};
    if ((region.flags & abi::kMemGuestMemfd) != 0) slot.gmem = std::move(gmem);
    slots_.push_back(std::move(slot));
    return 0;
}

const Slot* GuestMemory::slot_at(Ipa ipa) const {
    const auto found =
        std::ranges::find_if(slots_, [&](const Slot& slot) { return slot.range.contains(ipa); });
    return found == slots_.end() ? nullptr : &*found;
}

std::vector<const Slot*> GuestMemory::walk() const {
    std::vector<std::uint32_t> ids;
    for (const Slot& slot : slots_) ids.push_back(slot.id);
    std::vector<const Slot*> order;
    for (const std::uint32_t id : realm::slot_walk_order(ids))
        order.push_back(&*std::ranges::find(slots_, id, &Slot::id));
    return order;
}

// ---- guest_memfd -------------------------------------------------------------------------------

std::shared_ptr<Gmem> GuestMemory::create_gmem(const abi::CreateGuestMemfd& request, long& error) {
    constexpr std::uint64_t kMappable = 1U << 0;
    constexpr std::uint64_t kInitShared = 1U << 1;
    // v12 to v14 know the two flags, but not what they would mean for a realm: sheet 1.2.
    const bool may_map = host_.rules.attributes == Attributes::kOfGmem;
    error = 0;
    if (!realm_ || !host_.rules.guest_memfd)
        error = host_.ledger.refuse(EINVAL, "guest_memfd: not for this VM");
    else if ((request.flags & ~(may_map ? kMappable | kInitShared : 0)) != 0)
        error = host_.ledger.refuse(EINVAL, "guest_memfd: flags (sheet 1.2: use 0)");
    else if (request.size == 0 || !host_.is_page_aligned(request.size))
        error = host_.ledger.refuse(EINVAL, "guest_memfd: not whole pages");
    if (error != 0) return nullptr;
    auto gmem = std::make_shared<Gmem>();
    gmem->size = request.size;
    gmem->flags = request.flags;
    gmem->vm = this;
    if ((request.flags & kInitShared) == 0) gmem->private_offsets.add({0, request.size});
    return gmem;
}

std::vector<IpaRange> GuestMemory::ranges_of(const Gmem& gmem, RangeSet::Run offsets) const {
    std::vector<IpaRange> ranges;
    for (const Slot& slot : slots_) {
        if (slot.gmem.get() != &gmem) continue;
        const auto window = *IpaRange::make(Ipa{slot.gmem_offset}, slot.range.size());
        const auto part =
            window.intersect(*IpaRange::between(Ipa{offsets.begin}, Ipa{offsets.end}));
        if (part.empty()) continue;
        const Ipa base = slot.range.base() + (part.base() - window.base());
        ranges.push_back(*IpaRange::make(base, part.size()));
    }
    return ranges;
}

long GuestMemory::punch(Gmem& gmem, std::uint64_t offset, std::uint64_t size, Phase phase) {
    if (size == 0 || !host_.is_page_aligned(offset | size) || wraps(offset, size))
        return host_.ledger.refuse(EINVAL, "punching guest_memfd: not whole pages");
    if (phase == Phase::kPopulated)
        host_.ledger.violation("guest_memfd punched between POPULATE and the first run");
    for (const IpaRange& range : ranges_of(gmem, {offset, offset + size})) {
        if (phase == Phase::kRunning && host_.rules.attributes == Attributes::kOfGmem &&
            !is_private(range))
            host_.ledger.violation(
                "guest_memfd punched while SHARED: frees pages the RMM still owns (sheet 3.4.3)");
        if (phase == Phase::kRunning && host_.rules.attributes == Attributes::kOfVm &&
            !is_shared(range))
            host_.ledger.violation(
                "guest_memfd punched before its attributes were cleared (sheet 3.4.2)");
        give_back(range);
    }
    return 0;
}

// ---- Attributes --------------------------------------------------------------------------------

bool GuestMemory::is_private(const IpaRange& range) const {
    if (host_.rules.attributes != Attributes::kOfGmem) return private_.contains_all(run_of(range));
    for (Ipa at = range.base(); at < range.top();) {
        const Slot* slot = slot_at(at);
        if (slot == nullptr || !slot->gmem) return false;
        const Ipa end = std::min(range.top(), slot->range.top());
        const std::uint64_t offset = slot->gmem_offset + (at - slot->range.base());
        if (!slot->gmem->private_offsets.contains_all({offset, offset + (end - at)})) return false;
        at = end;
    }
    return true;
}

bool GuestMemory::is_shared(const IpaRange& range) const {
    if (host_.rules.attributes != Attributes::kOfGmem)
        return private_.parts_in(run_of(range)).empty();
    for (const Slot& slot : slots_) {
        const IpaRange part = slot.range.intersect(range);
        if (part.empty() || !slot.gmem) continue;
        const std::uint64_t offset = slot.gmem_offset + (part.base() - slot.range.base());
        if (!slot.gmem->private_offsets.parts_in({offset, offset + part.size()}).empty())
            return false;
    }
    return true;
}

void GuestMemory::note_change(const IpaRange& range, bool to_private, Phase phase) {
    if (phase == Phase::kPopulated)
        host_.ledger.violation(
            "attributes changed between POPULATE and the first run (seen 1: contents are lost)");
    if (phase == Phase::kRunning) conversions.push_back({range, to_private});
}

long GuestMemory::set_attributes(const abi::MemoryAttributes& request, Phase phase) {
    const std::uint64_t known = realm_ ? abi::kAttributePrivate : 0;
    if (request.flags != 0 || (request.attributes & ~known) != 0)
        return host_.ledger.refuse(EINVAL, "attributes: unknown flags or attributes");
    if (request.size == 0 || !host_.is_page_aligned(request.address | request.size) ||
        wraps(request.address, request.size))
        return host_.ledger.refuse(EINVAL, "attributes: not whole pages");
    const auto range = *IpaRange::make(Ipa{request.address}, request.size);
    const bool to_private = request.attributes != 0;
    note_change(range, to_private, phase);
    if (to_private) {
        private_.add(run_of(range));
    } else {
        private_.remove(run_of(range));
        give_back(range);  // KVM unmaps and undelegates
    }
    return 0;
}

long GuestMemory::set_gmem_attributes(Gmem& gmem, abi::MemoryAttributes2& request, Phase phase) {
    const bool reserved =
        std::ranges::any_of(request.reserved, [](auto word) { return word != 0; });
    if (reserved || request.flags != 0 || (request.attributes & ~abi::kAttributePrivate) != 0)
        return host_.ledger.refuse(EINVAL, "attributes: unknown flags or attributes (sheet 3.4)");
    if (request.size == 0 || !host_.is_page_aligned(request.offset | request.size) ||
        wraps(request.offset, request.size) || request.offset + request.size > gmem.size)
        return host_.ledger.refuse(EINVAL, "attributes: not pages of the file (sheet 3.4)");
    const bool to_private = request.attributes != 0;
    if (to_private && host_.options.pinned_conversions > 0) {
        --host_.options.pinned_conversions;
        request.error_offset = request.offset;
        return -EAGAIN;
    }
    const RangeSet::Run run = {request.offset, request.offset + request.size};
    for (const IpaRange& range : ranges_of(gmem, run)) {
        note_change(range, to_private, phase);
        if (to_private) continue;
        if (gmem.flags == 0 && !owned_.parts_in(run_of(range)).empty())
            host_.ledger.violation(
                "attributes cleared before guest_memfd was punched (sheet 3.4.3, v15)");
        give_back(range);
    }
    if (to_private)
        gmem.private_offsets.add(run);
    else
        gmem.private_offsets.remove(run);
    return 0;
}

}  // namespace rvmm::vmm::fake
