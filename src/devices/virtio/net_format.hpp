// The network device's numbers. Source: virtio 1.3, section 5.1.
#pragma once

#include <cstdint>

namespace rvmm::devices::virtio {

// Feature bits: section 5.1.3.
inline constexpr std::uint64_t kNetCsum = 1ULL << 0;
inline constexpr std::uint64_t kNetGuestCsum = 1ULL << 1;
inline constexpr std::uint64_t kNetMtu = 1ULL << 3;
inline constexpr std::uint64_t kNetMac = 1ULL << 5;
inline constexpr std::uint64_t kNetGuestTso4 = 1ULL << 7;
inline constexpr std::uint64_t kNetGuestTso6 = 1ULL << 8;
inline constexpr std::uint64_t kNetGuestEcn = 1ULL << 9;
inline constexpr std::uint64_t kNetGuestUfo = 1ULL << 10;
inline constexpr std::uint64_t kNetHostTso4 = 1ULL << 11;
inline constexpr std::uint64_t kNetHostTso6 = 1ULL << 12;
inline constexpr std::uint64_t kNetHostEcn = 1ULL << 13;
inline constexpr std::uint64_t kNetHostUfo = 1ULL << 14;
inline constexpr std::uint64_t kNetMergeRxBuffers = 1ULL << 15;
inline constexpr std::uint64_t kNetStatus = 1ULL << 16;
inline constexpr std::uint64_t kNetControlQueue = 1ULL << 17;
inline constexpr std::uint64_t kNetMultiQueue = 1ULL << 22;

// struct virtio_net_hdr: section 5.1.6. Offsets.
inline constexpr std::size_t kNetHdrFlags = 0;
inline constexpr std::size_t kNetHdrGsoType = 1;
inline constexpr std::size_t kNetHdrNumBuffers = 10;
inline constexpr std::uint8_t kNetGsoEcn = 0x80;  // a bit beside the type, of which 0 is none

// Config space: section 5.1.4.
inline constexpr std::size_t kNetConfigStatus = 6;
inline constexpr std::size_t kNetConfigPairs = 8;
inline constexpr std::size_t kNetConfigMtu = 10;
inline constexpr std::size_t kNetConfigSize = 12;
inline constexpr std::uint16_t kNetLinkUp = 1;

// Control queue: sections 5.1.6.5 and 5.1.6.5.6.
inline constexpr std::uint8_t kNetControlMq = 4;
inline constexpr std::uint8_t kNetControlMqPairsSet = 0;
inline constexpr std::uint8_t kNetControlOk = 0;
inline constexpr std::uint8_t kNetControlError = 1;

/// What one direction of a device has done.
struct NetTraffic {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;  // of frames
    std::uint64_t dropped = 0;
};

/// Packets of one turn: others shall have theirs.
inline constexpr int kNetTurn = 64;

}  // namespace rvmm::devices::virtio
