// RSI calls as the shared vectors write them (steps.hpp lists them).
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "rmi/smc.hpp"

namespace rvmm::realm {

/// The registers of the call that `text` is. Errors (Stage::kConfig) say what is wrong with it.
Result<rmi::SmcRegisters> parse_rsi_call(std::string_view text);

}  // namespace rvmm::realm
