#include "devices/virtio/chain.hpp"

namespace rvmm::devices::virtio {
namespace {

/// Calls `copy` with each piece of [offset, offset + size) of `parts` and its place in the range;
/// returns how many bytes that was.
template <typename Copy>
std::size_t for_each_piece(std::span<const Lease> parts, std::uint64_t offset, std::size_t size,
                           const Copy& copy) {
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
        copy(bytes.subspan(here, count), done);
        done += count;
        offset = 0;
    }
    return done;
}

}  // namespace

void Chain::add(Lease lease, Access access) {
    const std::size_t size = lease.bytes().size();
    (access == Access::kRead ? readable_size_ : writable_size_) += size;
    if (access == Access::kRead) ++readable_count_;
    parts_.push_back(std::move(lease));
}

std::size_t Chain::read(std::uint64_t offset, MutableByteSpan out) const {
    return for_each_piece(readable(), offset, out.size(), [&](MutableByteSpan piece, auto at) {
        std::memcpy(out.data() + at, piece.data(), piece.size());
    });
}

std::size_t Chain::write(std::uint64_t offset, ByteSpan bytes) const {
    return for_each_piece(writable(), offset, bytes.size(), [&](MutableByteSpan piece, auto at) {
        std::memcpy(piece.data(), bytes.data() + at, piece.size());
    });
}

}  // namespace rvmm::devices::virtio
