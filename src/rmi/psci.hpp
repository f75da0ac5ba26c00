// PSCI as data: function identifiers and results. Source: DEN0022.
#pragma once

#include <cstdint>

namespace rvmm::rmi {

/// Each function of PSCI, as its 32-bit convention numbers it.
enum class PsciFunction : std::uint32_t {
    kVersion = 0x8400'0000,
    kCpuSuspend = 0x8400'0001,
    kCpuOff = 0x8400'0002,
    kCpuOn = 0x8400'0003,
    kAffinityInfo = 0x8400'0004,
    kSystemOff = 0x8400'0008,
    kSystemReset = 0x8400'0009,
    kFeatures = 0x8400'000a,
};

/// Set in the identifiers of the functions that have a 64-bit form (CPU_SUSPEND, CPU_ON,
/// AFFINITY_INFO) where that form is meant.
inline constexpr std::uint32_t kPsciSmc64 = 0x4000'0000;

/// Results, as X0 holds them: signed 64-bit numbers.
enum class PsciResult : std::int64_t {
    kSuccess = 0,
    kNotSupported = -1,
    kInvalidParameters = -2,
    kAlreadyOn = -4,
    kInvalidAddress = -9,
};

/// What AFFINITY_INFO says of a CPU.
inline constexpr std::uint64_t kPsciAffinityOn = 0;
inline constexpr std::uint64_t kPsciAffinityOff = 1;

inline constexpr std::uint64_t kPsciVersion11 = 0x1'0001;

constexpr std::uint64_t to_register(PsciResult result) {
    return static_cast<std::uint64_t>(result);
}

}  // namespace rvmm::rmi
