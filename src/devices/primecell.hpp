// The identification registers that end the 4 KiB of every ARM PrimeCell peripheral. Source: ARM
// DDI 0224 (PL031) and DDI 0190 (PL061), chapter 3.
#pragma once

#include <cstdint>

namespace rvmm::devices {

inline constexpr std::uint64_t kPrimecellIds = 0xfe0;
inline constexpr std::uint64_t kPrimecellEnd = 0x1000;

/// The register at `offset`, a multiple of 4 from kPrimecellIds to kPrimecellEnd, of part number
/// `part` (0x031 for a PL031), designed by ARM, revision 0: a byte each.
constexpr std::uint32_t primecell_id(std::uint32_t part, std::uint64_t offset) {
    constexpr std::uint32_t kDesigner = 0x41;
    constexpr std::uint64_t kCell = 0xb105'f00d;
    const std::uint64_t all = kCell << 32 | kDesigner << 12 | part;
    return static_cast<std::uint32_t>(all >> (8 * ((offset - kPrimecellIds) / 4)) & 0xff);
}

}  // namespace rvmm::devices
