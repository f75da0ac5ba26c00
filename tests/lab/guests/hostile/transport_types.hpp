// What both transports speak of. Source: virtio 1.3, chapters 2, 5 and 6.
#pragma once

#include <cstdint>

namespace guest::hostile {

/// The parts of a queue.
enum class Area : std::uint8_t { kDescriptors, kDriver, kDevice };
inline constexpr Area kAreas[] = {Area::kDescriptors, Area::kDriver, Area::kDevice};

// Types of devices.
inline constexpr std::uint16_t kNet = 1;
inline constexpr std::uint16_t kBlock = 2;
inline constexpr std::uint16_t kConsole = 3;
inline constexpr std::uint16_t kRng = 4;
inline constexpr std::uint16_t kVsock = 19;

// Device status.
inline constexpr std::uint8_t kAcknowledge = 1;
inline constexpr std::uint8_t kDriver = 2;
inline constexpr std::uint8_t kDriverOk = 4;
inline constexpr std::uint8_t kFeaturesOk = 8;
inline constexpr std::uint8_t kNeedsReset = 64;
inline constexpr std::uint8_t kFailed = 128;

// Feature bits.
inline constexpr std::uint64_t kIndirectDescriptors = std::uint64_t{1} << 28;
inline constexpr std::uint64_t kEventIdx = std::uint64_t{1} << 29;
inline constexpr std::uint64_t kVersion1 = std::uint64_t{1} << 32;
inline constexpr std::uint64_t kAccessPlatform = std::uint64_t{1} << 33;

}  // namespace guest::hostile
