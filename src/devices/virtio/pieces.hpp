// A range of bytes that lies in several leases.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "devices/lease.hpp"

namespace rvmm::devices::virtio {

/// Calls `take` with each piece of [offset, offset + size) of `parts` and its place in the range;
/// returns how many bytes that was.
template <typename Take>
std::size_t for_each_piece(std::span<const Lease> parts, std::uint64_t offset, std::size_t size,
                           const Take& take) {
    std::size_t done = 0;
    for (const Lease& part : parts) {
        const MutableByteSpan bytes = part.bytes();
        if (offset >= bytes.size()) {
            offset -= bytes.size();
            continue;
        }
        const auto here = static_cast<std::size_t>(offset);
        const std::size_t count = std::min(size - done, bytes.size() - here);
        if (count == 0) break;
        take(bytes.subspan(here, count), done);
        done += count;
        offset = 0;
    }
    return done;
}

}  // namespace rvmm::devices::virtio
