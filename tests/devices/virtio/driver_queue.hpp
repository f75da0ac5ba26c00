// A driver's side of a virtqueue in a small guest memory, to build any chain with, good or bad.
#pragma once

#include <cstdint>
#include <vector>

#include "devices/virtio/queue.hpp"
#include "devices/virtio/test_memory.hpp"

namespace rvmm::devices::virtio {

struct Part {
    std::uint64_t address;
    std::uint32_t length;
    std::uint16_t flags = 0;
    std::uint16_t next = 0;
};
inline constexpr std::uint16_t kPartNext = 1;
inline constexpr std::uint16_t kPartWrite = 2;
inline constexpr std::uint16_t kPartIndirect = 4;

/// The rings lie in one page; buffers are the caller's, elsewhere.
class DriverQueue {
  public:
    DriverQueue(TestMemory& memory, std::uint16_t size, bool indirect = true, bool event_idx = true,
                std::size_t page = 0);

    const QueueSetup& setup() const { return setup_; }
    void descriptor(std::size_t index, const Part& part);
    /// An indirect table's entry; `table` is an address.
    void indirect(std::uint64_t table, std::size_t index, const Part& part);
    /// Links `parts` through the descriptors from `first` on, and makes the chain available.
    void offer(std::uint16_t first, std::vector<Part> parts);
    void make_available(std::uint16_t head);
    void set_available_index(std::uint16_t index);

    struct Used {
        std::uint32_t id;
        std::uint32_t length;
        friend bool operator==(const Used&, const Used&) = default;
    };
    /// What the device completed since the last call.
    std::vector<Used> used();

    // Notification suppression, both ways.
    void set_flags(std::uint16_t flags);
    void set_used_event(std::uint16_t index);
    std::uint16_t device_flags();
    std::uint16_t available_event();

  private:
    std::uint16_t half(Ipa at, std::size_t offset);
    void set_half(Ipa at, std::size_t offset, std::uint16_t value);
    void put(std::uint64_t at, const Part& part);

    TestMemory& memory_;
    QueueSetup setup_;
    std::uint16_t available_ = 0;
    std::uint16_t seen_ = 0;
};

}  // namespace rvmm::devices::virtio
