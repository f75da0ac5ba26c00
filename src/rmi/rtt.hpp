// The geometry of realm translation tables (RTT) where the RMM's granule is 4 KiB.
// Source: DEN0137 section A5.5 (levels as in the VMSA: level 3 maps pages).
#pragma once

#include <cstdint>

namespace rvmm::rmi {

/// The level whose entries map single pages.
inline constexpr int kRttPageLevel = 3;
/// The lowest level number there is; only realms with LPA2 and more than 48 bits start there.
inline constexpr int kRttMinLevel = -1;

/// What one entry of a table at `level` (-1 to 3) maps: 4 KiB at level 3, 2 MiB, 1 GiB, 512 GiB,
/// 256 TiB. Bytes.
constexpr std::uint64_t rtt_entry_size(int level) {
    return 1ULL << (12 + 9 * (kRttPageLevel - level));
}

}  // namespace rvmm::rmi
