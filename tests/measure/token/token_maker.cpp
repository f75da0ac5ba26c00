#include "measure/token/token_maker.hpp"

namespace rvmm::measure::token {
namespace {

Digest filled(Hash hash, int fill) {
    Digest digest(hash);
    for (std::byte& byte : digest.mutable_bytes()) byte = static_cast<std::byte>(fill);
    return digest;
}

}  // namespace

RealmClaims made_realm(Hash hash, const std::optional<std::string>& profile, const PublicKey& rak) {
    RealmClaims claims;
    claims.profile = profile;
    claims.challenge = Bytes(kChallengeSize, std::byte{0xc4});
    claims.rpv = Bytes(kRpvSize, std::byte{0x99});
    claims.hash = hash;
    claims.rak = rak_claim(rak, profile);
    claims.rim = filled(hash, 1);
    for (int i = 0; i < 4; ++i)
        claims.rems.at(static_cast<std::size_t>(i)) = filled(hash, 0x10 + i);
    if (profile == kRealmProfile2024) {
        claims.instance_id = Bytes(kInstanceIdSize, std::byte{1});
        claims.mec_policy = MecPolicy::kPrivate;
    }
    return claims;
}

Bytes MadeToken::make(const std::function<void(PlatformClaims&, RealmClaims&)>& change) const {
    RealmClaims realm = made_realm(hash, profile, rak.public_key());
    PlatformClaims platform = emulated_platform();
    const Digest bound = *key_binding(realm);
    platform.challenge.assign(bound.bytes().begin(), bound.bytes().end());
    if (change) change(platform, realm);
    return *make_token(form, platform, platform_key, realm, rak);
}

}  // namespace rvmm::measure::token
