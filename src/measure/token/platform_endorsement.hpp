// What a verifier is given so that it knows a platform: the key that signs for it, and reference
// values of its firmware. Written as a CoRIM.
//
// Form: draft-ydb-rats-cca-endorsements-04 section 3.1, profile
// tag:arm.com,2025:cca_platform#1.0.0. Same content, same bytes.
#pragma once

#include "measure/token/claims.hpp"
#include "measure/token/ec_key.hpp"

namespace rvmm::measure::token {

inline constexpr std::string_view kPlatformEndorsementProfile =
    "tag:arm.com,2025:cca_platform#1.0.0";

/// Of the platform that `claims` speak of, whatever its challenge and state. Fails
/// (Stage::kInternal) only if OpenSSL does.
Result<Bytes> to_corim(const PlatformClaims& claims, const PublicKey& key);

}  // namespace rvmm::measure::token
