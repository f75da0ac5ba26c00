// The platform that an emulated realm's tokens speak of, which is none: anybody can sign for it.
#pragma once

#include "measure/token/token.hpp"

namespace rvmm::measure::token {

/// "rvmm emulated, no CCA platform", padded with zeros to kImplementationIdSize.
Bytes emulated_implementation_id();
/// Whether a platform says of itself that it is one of these.
bool is_emulated(const PlatformClaims& platform);

/// Its claims, but for the challenge.
PlatformClaims emulated_platform();

/// The published test key (P-384), which signs for it. Everybody has it: it vouches for nothing.
Result<PrivateKey> test_key();

}  // namespace rvmm::measure::token
