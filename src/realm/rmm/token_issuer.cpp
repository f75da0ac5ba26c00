#include "realm/rmm/token_issuer.hpp"

#include <utility>

namespace rvmm::realm {

using measure::token::PrivateKey;

namespace {

std::optional<std::string> profile_text(AttestationSpec::Profile profile) {
    switch (profile) {
        case AttestationSpec::Profile::kNone:
            return std::nullopt;
        case AttestationSpec::Profile::kRealm2023:
            return std::string(measure::token::kRealmProfile2023);
        case AttestationSpec::Profile::kRealm2024:
            return std::string(measure::token::kRealmProfile2024);
    }
    return std::nullopt;
}

/// 0x01, and what no other launch has that makes its key anew.
Result<Bytes> instance_id_of(const measure::token::PublicKey& realm_key) {
    RVMM_TRY(const measure::Digest digest,
             measure::digest(measure::Hash::kSha256, {realm_key.point()}));
    Bytes id = {std::byte{1}};
    id.insert(id.end(), digest.bytes().begin(), digest.bytes().end());
    return id;
}

}  // namespace

TokenIssuer::TokenIssuer(const AttestationSpec& spec, PrivateKey platform_key, PrivateKey realm_key)
    : spec_(spec),
      platform_key_(std::move(platform_key)),
      realm_key_(std::move(realm_key)),
      profile_(profile_text(spec.profile)) {}

Result<PrivateKey> platform_key(const AttestationSpec& spec) {
    if (spec.platform_key.empty()) return measure::token::test_key();
    return PrivateKey::from_pem(spec.platform_key);
}

Result<TokenIssuer> TokenIssuer::create(const AttestationSpec& spec) {
    RVMM_TRY(auto key, platform_key(spec));
    RVMM_TRY(auto realm_key, spec.realm_key.empty()
                                 ? PrivateKey::generate(measure::token::Curve::kP384)
                                 : PrivateKey::from_pem(spec.realm_key));
    TokenIssuer issuer(spec, std::move(key), std::move(realm_key));
    if (spec.profile == AttestationSpec::Profile::kRealm2024) {
        RVMM_TRY(issuer.instance_id_, instance_id_of(issuer.realm_key_.public_key()));
    }
    return issuer;
}

Result<Bytes> TokenIssuer::issue(measure::token::RealmClaims claims) const {
    claims.profile = profile_;
    claims.instance_id = instance_id_;
    if (spec_.profile == AttestationSpec::Profile::kRealm2024)
        claims.mec_policy = measure::token::MecPolicy::kShared;
    claims.rak = rak_claim(realm_key_.public_key(), profile_);
    claims.rak_hash = measure::Hash::kSha256;
    measure::token::PlatformClaims platform = spec_.platform;
    RVMM_TRY(const measure::Digest bound, key_binding(claims));
    platform.challenge.assign(bound.bytes().begin(), bound.bytes().end());
    return make_token(spec_.form, platform, platform_key_, claims, realm_key_);
}

}  // namespace rvmm::realm
