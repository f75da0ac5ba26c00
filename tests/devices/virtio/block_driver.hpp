// A driver of virtio-blk, for tests: requests of any shape, and what became of them.
#pragma once

#include <optional>
#include <vector>

#include "devices/virtio/block.hpp"
#include "devices/virtio/block_format.hpp"
#include "devices/virtio/device_bench.hpp"

namespace rvmm::devices::virtio {

/// Headers lie in page 16 of the memory, statuses in page 17, data from page 18 on: a page for
/// each slot. Slot n of a queue has descriptors 4n to 4n + 3, so there are 4 slots.
class BlockDriver {
  public:
    static constexpr unsigned kSlots = 4;
    static constexpr std::uint8_t kNothing = 0xee;

    explicit BlockDriver(DeviceBench& bench) : bench_(bench) {}

    static std::uint64_t header_at(unsigned queue, unsigned slot) {
        return DeviceBench::address(16, (queue * kSlots + slot) * 16);
    }
    static std::uint64_t status_at(unsigned queue, unsigned slot) {
        return DeviceBench::address(17, queue * kSlots + slot);
    }
    static std::uint64_t data_at(unsigned queue, unsigned slot) {
        return DeviceBench::address(18 + queue * kSlots + slot);
    }

    void put_header(unsigned queue, unsigned slot, std::uint32_t type, std::uint64_t sector) {
        Bytes header(blk::kHeaderSize);
        store_le(MutableByteSpan(header), type);
        store_le(MutableByteSpan(header).subspan(8), sector);
        bench_.put(header_at(queue, slot), header);
        bench_.put(status_at(queue, slot), Bytes{std::byte{kNothing}});
    }
    /// Offers a request whose data of `size` bytes, none with 0, is the slot's.
    void offer(unsigned queue, unsigned slot, std::uint32_t type, std::uint64_t sector,
               std::uint32_t size) {
        put_header(queue, slot, type, sector);
        std::vector<Part> parts = {{header_at(queue, slot), blk::kHeaderSize}};
        const bool reads = type == blk::kTypeIn || type == blk::kTypeGetId;
        if (size > 0)
            parts.push_back({data_at(queue, slot), size, reads ? kPartWrite : std::uint16_t{0}});
        parts.push_back({status_at(queue, slot), 1, kPartWrite});
        bench_.queue(queue).offer(static_cast<std::uint16_t>(4 * slot), std::move(parts));
    }
    struct Range {
        std::uint64_t sector;
        std::uint32_t sectors;
        std::uint32_t flags = 0;
    };
    void put_ranges(unsigned queue, unsigned slot, const std::vector<Range>& ranges) {
        Bytes bytes(ranges.size() * blk::kRangeSize);
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            const auto at = MutableByteSpan(bytes).subspan(i * blk::kRangeSize);
            store_le(at, ranges[i].sector);
            store_le(at.subspan(8), ranges[i].sectors);
            store_le(at.subspan(12), ranges[i].flags);
        }
        bench_.put(data_at(queue, slot), bytes);
    }
    std::uint8_t status(unsigned queue, unsigned slot) {
        return std::to_integer<std::uint8_t>(bench_.memory.at(status_at(queue, slot), 1)[0]);
    }
    MutableByteSpan data(unsigned queue, unsigned slot, std::size_t size) {
        return bench_.memory.at(data_at(queue, slot), size);
    }

  private:
    DeviceBench& bench_;
};

}  // namespace rvmm::devices::virtio
