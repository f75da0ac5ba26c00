#include "devices/virtio/chain.hpp"

#include "devices/virtio/pieces.hpp"

namespace rvmm::devices::virtio {

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
