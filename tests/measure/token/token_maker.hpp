// Tokens for tests: those of TF-RMM, and some that are made here.
#pragma once

#include <algorithm>
#include <functional>
#include <string>

#include "measure/token/emulated_platform.hpp"
#include "measure/token/verify.hpp"
#include "measure/vectors.hpp"

namespace rvmm::measure::token {

/// One of tests/data/vectors/tokens.json.
inline Bytes reference_token(const std::string& name) {
    return *from_hex(vectors::text(vectors::load("tokens.json")["tokens"][name]));
}

/// A name for a test of one of them.
inline std::string reference_name(const ::testing::TestParamInfo<const char*>& token) {
    std::string name = token.param;
    std::ranges::replace(name, '-', '_');
    return name;
}

/// A realm with something in every claim, for `profile`.
RealmClaims made_realm(Hash hash, const std::optional<std::string>& profile, const PublicKey& rak);

/// Signed with the test key and a new RAK; `change` has the last word on the claims.
struct MadeToken {
    PrivateKey platform_key = *test_key();
    PrivateKey rak = *PrivateKey::generate(Curve::kP384);
    Form form = Form::kCmwCollection;
    Hash hash = Hash::kSha256;
    std::optional<std::string> profile = std::string(kRealmProfile2024);

    Bytes make(const std::function<void(PlatformClaims&, RealmClaims&)>& change = {}) const;
};

}  // namespace rvmm::measure::token
