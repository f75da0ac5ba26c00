// The SMC Calling Convention: the registers of a call and the identifiers that belong to no
// interface in particular. Source: DEN0028.
#pragma once

#include <array>
#include <cstdint>

namespace rvmm::rmi {

/// X0 to X30 of a vCPU at an SMC. Arguments before the call, results after it.
struct SmcRegisters {
    std::array<std::uint64_t, 31> x{};
};

/// A function identifier is the low half of X0; the high half says nothing.
constexpr std::uint32_t function_id(const SmcRegisters& registers) {
    return static_cast<std::uint32_t>(registers.x[0]);
}

inline constexpr std::uint32_t kSmcccVersion = 0x8000'0000;
/// The convention's version that SMCCC_VERSION reports to a realm: 1.2.
inline constexpr std::uint64_t kSmcccVersion12 = 0x1'0002;
/// X0 of a call to a function that nobody implements: -1.
inline constexpr std::uint64_t kSmcUnknown = ~0ULL;

}  // namespace rvmm::rmi
