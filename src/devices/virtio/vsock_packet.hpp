// The header of a vsock packet, as data. Source: virtio 1.3, section 5.10.6.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace rvmm::devices::virtio {

inline constexpr std::uint64_t kVsockHostCid = 2;
inline constexpr std::uint16_t kVsockStream = 1;  // the type of socket

// A header may hold any other number too.
enum class VsockOp : std::uint16_t {
    kRequest = 1,
    kResponse = 2,
    kReset = 3,
    kShutdown = 4,
    kData = 5,  // RW
    kCreditUpdate = 6,
    kCreditRequest = 7,
};

// Flags of a shutdown: what its sender will not do any more.
inline constexpr std::uint32_t kVsockNoReceive = 1U << 0;
inline constexpr std::uint32_t kVsockNoSend = 1U << 1;
inline constexpr std::uint32_t kVsockNothing = kVsockNoReceive | kVsockNoSend;

struct VsockHeader {
    static constexpr std::size_t kSize = 44;  // as the guest sees it

    std::uint64_t src_cid = 0;
    std::uint64_t dst_cid = 0;
    std::uint32_t src_port = 0;
    std::uint32_t dst_port = 0;
    std::uint32_t len = 0;  // bytes that follow the header
    std::uint16_t type = kVsockStream;
    VsockOp op = VsockOp::kReset;
    std::uint32_t flags = 0;
    std::uint32_t buf_alloc = 0;  // the sender's buffer for this connection, bytes
    std::uint32_t fwd_cnt = 0;    // bytes that left that buffer, ever, modulo 2^32

    friend bool operator==(const VsockHeader&, const VsockHeader&) = default;

    /// `bytes` holds kSize at least.
    static VsockHeader decode(ByteSpan bytes);
    void encode(MutableByteSpan bytes) const;
};

}  // namespace rvmm::devices::virtio
