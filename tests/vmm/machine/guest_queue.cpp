#include "vmm/machine/guest_queue.hpp"

#include <algorithm>

#include "base/address.hpp"

namespace rvmm::vmm {

GuestQueue::GuestQueue(LiveGuest& guest, std::uint64_t page, std::uint16_t size)
    : guest_(guest), page_(page), size_(size) {
    std::ranges::fill(guest_.memory(page_, kPageSize4K), std::byte{0});
}

std::atomic_ref<std::uint16_t> GuestQueue::index(std::uint64_t ring) const {
    return std::atomic_ref(
        *reinterpret_cast<std::uint16_t*>(guest_.memory(ring + 2, sizeof(std::uint16_t)).data()));
}

void GuestQueue::offer(const std::vector<GuestBuffer>& buffers) {
    constexpr std::uint16_t kNext = 1;
    constexpr std::uint16_t kWrite = 2;
    const auto head = static_cast<std::uint16_t>(next_ % size_);
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        const MutableByteSpan at = guest_.memory(descriptors() + 16UL * (next_ % size_), 16);
        ++next_;
        const bool last = i + 1 == buffers.size();
        store_le(at, guest_.device_address(buffers[i].address));
        store_le(at.subspan(8), buffers[i].length);
        store_le(at.subspan(12), static_cast<std::uint16_t>(
                                     (last ? 0 : kNext) | (buffers[i].device_writes ? kWrite : 0)));
        store_le(at.subspan(14), static_cast<std::uint16_t>(next_ % size_));
    }
    store_le(guest_.memory(driver() + 4 + 2UL * (available_ % size_), 2), head);
    index(driver()).store(++available_, std::memory_order_release);
}

std::optional<std::uint32_t> GuestQueue::wait_used() {
    const auto used = [this] { return index(device()).load(std::memory_order_acquire) != seen_; };
    if (!guest_.eventually(used)) return std::nullopt;
    const ByteSpan at = guest_.memory(device() + 4 + 8UL * (seen_ % size_), 8);
    ++seen_;
    return load_le<std::uint32_t>(at.subspan(4));
}

}  // namespace rvmm::vmm
