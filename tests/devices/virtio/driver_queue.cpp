#include "devices/virtio/driver_queue.hpp"

namespace rvmm::devices::virtio {

DriverQueue::DriverQueue(TestMemory& memory, std::uint16_t size, bool indirect, bool event_idx,
                         std::size_t page)
    : memory_(memory),
      setup_{.size = size,
             .descriptors = Ipa{(TestMemory::kBase + page * kPageSize4K) | TestMemory::kSharedBit},
             .driver = Ipa{TestMemory::kBase + page * kPageSize4K + 2048},
             .device = Ipa{TestMemory::kBase + page * kPageSize4K + 3072},
             .indirect = indirect,
             .event_idx = event_idx} {}

void DriverQueue::put(std::uint64_t at, const Part& part) {
    const MutableByteSpan to = memory_.at(at & ~TestMemory::kSharedBit, 16);
    store_le(to, part.address);
    store_le(to.subspan(8), part.length);
    store_le(to.subspan(12), part.flags);
    store_le(to.subspan(14), part.next);
}

void DriverQueue::descriptor(std::size_t index, const Part& part) {
    put(setup_.descriptors.value + 16 * index, part);
}

void DriverQueue::indirect(std::uint64_t table, std::size_t index, const Part& part) {
    put(table + 16 * index, part);
}

void DriverQueue::offer(std::uint16_t first, std::vector<Part> parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto next = static_cast<std::uint16_t>((first + i + 1) % setup_.size);
        if (i + 1 < parts.size()) parts[i].flags |= kPartNext, parts[i].next = next;
        descriptor((first + i) % setup_.size, parts[i]);
    }
    make_available(first);
}

void DriverQueue::make_available(std::uint16_t head) {
    set_half(setup_.driver, 4 + 2U * (available_ % setup_.size), head);
    set_available_index(static_cast<std::uint16_t>(available_ + 1));
}

void DriverQueue::set_available_index(std::uint16_t index) {
    available_ = index;
    set_half(setup_.driver, 2, index);
}

std::vector<DriverQueue::Used> DriverQueue::used() {
    std::vector<Used> found;
    for (; seen_ != half(setup_.device, 2); ++seen_) {
        const std::size_t slot = seen_ % setup_.size;
        const ByteSpan at = memory_.at(setup_.device.value + 4 + 8 * slot, 8);
        found.push_back({load_le<std::uint32_t>(at), load_le<std::uint32_t>(at.subspan(4))});
    }
    return found;
}

void DriverQueue::set_flags(std::uint16_t flags) {
    set_half(setup_.driver, 0, flags);
}
void DriverQueue::set_used_event(std::uint16_t index) {
    set_half(setup_.driver, 4 + 2U * setup_.size, index);
}
std::uint16_t DriverQueue::device_flags() {
    return half(setup_.device, 0);
}
std::uint16_t DriverQueue::available_event() {
    return half(setup_.device, 4 + 8U * setup_.size);
}

std::uint16_t DriverQueue::half(Ipa at, std::size_t offset) {
    return load_le<std::uint16_t>(memory_.at(at.value + offset, 2));
}
void DriverQueue::set_half(Ipa at, std::size_t offset, std::uint16_t value) {
    store_le(memory_.at(at.value + offset, 2), value);
}

}  // namespace rvmm::devices::virtio
