#include "queue.hpp"

#include "cpu.hpp"
#include "pool.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint64_t kIndex = 2;
constexpr std::uint64_t kEntries = 4;
constexpr std::size_t kPages = 3;

const void* memory_at(std::uint64_t address) {
    return reinterpret_cast<const void*>(address);
}

}  // namespace

void put_descriptor(std::uint64_t table, unsigned index, const Descriptor& descriptor) {
    const std::uint64_t at = table + index * sizeof(Descriptor);
    mmio_write64(at, descriptor.address);
    mmio_write32(at + 8, descriptor.length);
    mmio_write16(at + 12, descriptor.flags);
    mmio_write16(at + 14, descriptor.next);
    sync_caches(memory_at(at), sizeof(Descriptor));
}

void Request::put_into(std::uint64_t table, unsigned first) const {
    for (unsigned i = 0; i < count; ++i) {
        Descriptor part = parts[i];
        if (i + 1 < count) {
            part.flags |= kNext;
            part.next = static_cast<std::uint16_t>(first + i + 1);
        }
        put_descriptor(table, first + i, part);
    }
}

bool Queue::take_memory() {
    memory_ = take_pages(kPages);
    return memory_ != 0;
}

void Queue::clear(std::uint16_t size) {
    fill(memory_, kPages * kPage, 0);
    size_ = size;
    index_ = 0;
    seen_ = 0;
}

std::uint64_t Queue::area(Area area) const {
    return memory_ + static_cast<std::uint64_t>(area) * kPage;
}

void Queue::offer(std::uint16_t head) {
    put_entry(index_ % size_, head);
    barrier();
    set_index(static_cast<std::uint16_t>(index_ + 1));
}

void Queue::set_index(std::uint16_t index) {
    index_ = index;
    publish_index(index);
}

void Queue::publish_index(std::uint16_t index) const {
    mmio_write16(area(Area::kDriver) + kIndex, index);
    publish();
}

void Queue::put_entry(unsigned slot, std::uint16_t head) const {
    mmio_write16(area(Area::kDriver) + kEntries + 2U * slot, head);
}

void Queue::set_event(std::uint16_t event) {
    mmio_write16(area(Area::kDriver) + kEntries + 2U * size_, event);
    publish();
}

void Queue::publish() const {
    sync_caches(memory_at(memory_), 2 * kPage);
}

std::uint16_t Queue::used_index() const {
    const std::uint64_t at = area(Area::kDevice) + kIndex;
    sync_caches(memory_at(at), 2);
    return mmio_read16(at);
}

bool Queue::wait_used(Used& used, std::uint64_t milliseconds) {
    const std::uint64_t deadline = now_ms() + milliseconds;
    while (used_index() == seen_) {
        if (now_ms() > deadline) return false;
        asm volatile("yield");
    }
    const std::uint64_t at = area(Area::kDevice) + kEntries + 8U * (seen_ % size_);
    sync_caches(memory_at(at), sizeof(Used));
    used = {mmio_read32(at), mmio_read32(at + 4)};
    ++seen_;
    return true;
}

}  // namespace guest::hostile
