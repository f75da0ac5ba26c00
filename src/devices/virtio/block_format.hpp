// The numbers of virtio-blk. Source: virtio 1.3, sections 5.2.3, 5.2.4 and 5.2.6.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rvmm::devices::virtio::blk {

inline constexpr std::uint16_t kDeviceId = 2;

// Feature bits.
inline constexpr std::uint64_t kSegMax = 1ULL << 2;
inline constexpr std::uint64_t kReadOnly = 1ULL << 5;
inline constexpr std::uint64_t kBlkSize = 1ULL << 6;
inline constexpr std::uint64_t kFlush = 1ULL << 9;
inline constexpr std::uint64_t kTopology = 1ULL << 10;
inline constexpr std::uint64_t kMultiQueue = 1ULL << 12;
inline constexpr std::uint64_t kDiscard = 1ULL << 13;
inline constexpr std::uint64_t kWriteZeroes = 1ULL << 14;

// Types of requests.
inline constexpr std::uint32_t kTypeIn = 0;
inline constexpr std::uint32_t kTypeOut = 1;
inline constexpr std::uint32_t kTypeFlush = 4;
inline constexpr std::uint32_t kTypeGetId = 8;
inline constexpr std::uint32_t kTypeDiscard = 11;
inline constexpr std::uint32_t kTypeWriteZeroes = 13;

// What becomes of them.
inline constexpr std::uint8_t kOk = 0;
inline constexpr std::uint8_t kIoError = 1;
inline constexpr std::uint8_t kUnsupported = 2;

inline constexpr std::uint64_t kSectorSize = 512;
inline constexpr std::size_t kHeaderSize = 16;  // le32 type, le32 reserved, le64 sector
inline constexpr std::size_t kRangeSize = 16;   // le64 sector, le32 sectors, le32 flags
inline constexpr std::uint32_t kFlagUnmap = 1U << 0;
inline constexpr std::size_t kIdSize = 20;

// Offsets in the configuration space.
inline constexpr std::size_t kConfigCapacity = 0;
inline constexpr std::size_t kConfigSegMax = 12;
inline constexpr std::size_t kConfigBlkSize = 20;
inline constexpr std::size_t kConfigPhysicalExponent = 24;
inline constexpr std::size_t kConfigMinIoSize = 26;
inline constexpr std::size_t kConfigNumQueues = 34;
inline constexpr std::size_t kConfigMaxDiscardSectors = 36;
inline constexpr std::size_t kConfigMaxDiscardRanges = 40;
inline constexpr std::size_t kConfigDiscardAlignment = 44;
inline constexpr std::size_t kConfigMaxZeroSectors = 48;
inline constexpr std::size_t kConfigMaxZeroRanges = 52;
inline constexpr std::size_t kConfigZeroesMayUnmap = 56;
inline constexpr std::size_t kConfigSize = 60;

}  // namespace rvmm::devices::virtio::blk
