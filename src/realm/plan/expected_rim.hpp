// The RIM that a launch is expected to have. This is hygiene, not security: the host that compares
// is the host that the realm does not trust. A verifier looks at the token.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "measure/hash.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// What `parameters` or, before them, `hex` say; empty if neither does. Errors (Stage::kUsage for
/// `hex`, Stage::kConfig for the config) say why it is no digest of the realm's hash.
Result<measure::Digest> expected_rim(const RealmParameters& parameters, std::string_view hex);

/// Errors (Stage::kMeasurement): `rim` is not `expected`, and `expected` is not empty.
Result<> check_rim(const measure::Digest& rim, const measure::Digest& expected);

}  // namespace rvmm::realm
