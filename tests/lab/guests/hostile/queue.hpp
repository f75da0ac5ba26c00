// The driver's side of a split virtqueue, which writes whatever it is told to. Source: virtio 1.3,
// section 2.7.
#pragma once

#include <cstdint>

#include "transport_types.hpp"

namespace guest::hostile {

inline constexpr std::uint16_t kNext = 1;
inline constexpr std::uint16_t kWrite = 2;
inline constexpr std::uint16_t kIndirect = 4;

struct Descriptor {
    std::uint64_t address;
    std::uint32_t length;
    std::uint16_t flags;
    std::uint16_t next;
};
static_assert(sizeof(Descriptor) == 16);

/// Writes one into a table: the queue's own, or an indirect one.
void put_descriptor(std::uint64_t table, unsigned index, const Descriptor& descriptor);

/// A chain to be: parts in order, linked when they are put into a table.
struct Request {
    static constexpr unsigned kMost = 4;
    Descriptor parts[kMost] = {};
    unsigned count = 0;

    Request& add(std::uint64_t address, std::uint32_t length, std::uint16_t flags = 0) {
        parts[count++] = {address, length, flags, 0};
        return *this;
    }
    /// From entry `first` of a table on.
    void put_into(std::uint64_t table, unsigned first = 0) const;
};

struct Used {
    std::uint32_t head;
    std::uint32_t written;
};

/// Each of its areas lies in a page of its own.
class Queue {
  public:
    /// Up to this, an area fits its page.
    static constexpr std::uint16_t kMostEntries = 32;

    /// False if there is no memory left. To be called once.
    bool take_memory();
    /// Forgets everything: as before the first request.
    void clear(std::uint16_t size);

    std::uint16_t size() const { return size_; }
    std::uint64_t area(Area area) const;
    std::uint64_t table() const { return area(Area::kDescriptors); }

    /// The next entry of the available ring is `head`.
    void offer(std::uint16_t head);
    /// The available ring's index, whatever it was.
    void set_index(std::uint16_t index);
    // Behind this queue's back: it knows nothing of it.
    void publish_index(std::uint16_t index) const;
    void put_entry(unsigned slot, std::uint16_t head) const;
    std::uint16_t index() const { return index_; }
    /// The event index at the end of the available ring.
    void set_event(std::uint16_t event);
    /// Makes what was written visible to the other side.
    void publish() const;

    std::uint16_t used_index() const;
    /// The next element of the used ring, if there is one within so many milliseconds.
    bool wait_used(Used& used, std::uint64_t milliseconds);

  private:
    std::uint64_t memory_ = 0;
    std::uint16_t size_ = 0;
    std::uint16_t index_ = 0;
    std::uint16_t seen_ = 0;
};

}  // namespace guest::hostile
