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

Result<PrivateKey> platform_key(const AttestationSpec& spec) {
    if (spec.platform_key.empty()) return measure::token::test_key();
    return PrivateKey::from_pem(spec.platform_key);
}

Result<TokenIssuer> TokenIssuer::create(const AttestationSpec& spec) {
    RVMM_TRY(auto key, platform_key(spec));
    RVMM_TRY(auto realm_key, spec.realm_key.empty()
                                 ? PrivateKey::generate(measure::token::Curve::kP384)
                                 : PrivateKey::from_pem(spec.realm_key));
    measure::token::RealmClaims claims;
    claims.profile = profile_text(spec.profile);
    claims.rak = rak_claim(realm_key.public_key(), claims.profile);
    if (spec.profile == AttestationSpec::Profile::kRealm2024) {
        RVMM_TRY(claims.instance_id, instance_id_of(realm_key.public_key()));
        claims.mec_policy = measure::token::MecPolicy::kShared;
    }
    measure::token::PlatformClaims platform = spec.platform;
    RVMM_TRY(const measure::Digest bound, key_binding(claims));
    platform.challenge.assign(bound.bytes().begin(), bound.bytes().end());
    return TokenIssuer(spec.form, std::move(platform), std::move(key), std::move(claims),
                       std::move(realm_key));
}

Result<Bytes> TokenIssuer::issue(measure::token::RealmClaims claims) const {
    claims.profile = realm_.profile;
    claims.instance_id = realm_.instance_id;
    claims.rak = realm_.rak;
    claims.rak_hash = realm_.rak_hash;
    claims.mec_policy = realm_.mec_policy;
    return make_token(form_, platform_, platform_key_, claims, realm_key_);
}

}  // namespace rvmm::realm
