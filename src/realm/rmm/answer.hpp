// How every answer to a realm's SMC is written.
#pragma once

#include "rmi/rsi.hpp"
#include "rmi/smc.hpp"

namespace rvmm::realm {

/// X0 to X3 are results (zero where a call has none); X4 and above keep what the caller had there.
inline void answer(rmi::SmcRegisters& registers, std::uint64_t x0, std::uint64_t x1 = 0,
                   std::uint64_t x2 = 0) {
    registers.x[0] = x0;
    registers.x[1] = x1;
    registers.x[2] = x2;
    registers.x[3] = 0;
}

inline void answer(rmi::SmcRegisters& registers, rmi::RsiStatus status, std::uint64_t x1 = 0,
                   std::uint64_t x2 = 0) {
    answer(registers, rmi::to_register(status), x1, x2);
}

}  // namespace rvmm::realm
