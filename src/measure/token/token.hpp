// A CCA attestation token: the platform's and the realm's own, each signed, in one of two
// wrappings.
#pragma once

#include "measure/token/claims.hpp"
#include "measure/token/cose.hpp"

namespace rvmm::measure::token {

/// The outermost item: a tag and a map {44234: platform, 44241: realm}.
enum class Form : std::uint16_t {
    kCcaToken = 399,       // of byte strings: TF-RMM up to v0.8.0
    kCmwCollection = 907,  // of [263, byte string]: v0.9.0 and later
};

/// What decode_token() reads is no more than this. An RMM's tokens are below 4 KiB.
inline constexpr std::size_t kMaxTokenSize = 1 << 20;

/// A token that was read. Nothing in it has been verified.
struct Token {
    Form form = Form::kCmwCollection;
    Sign1 platform_message;
    PlatformClaims platform;
    Sign1 realm_message;
    RealmClaims realm;
    PublicKey rak;  // that realm.rak is
};

/// Errors (Stage::kImage) say which part and which claim: everything is where it belongs, once, in
/// CBOR's shortest heads and definite lengths, with nothing left over.
Result<Token> decode_token(ByteSpan bytes);

/// Signs both payloads and wraps them. Fails (Stage::kInternal) only if OpenSSL does.
Result<Bytes> make_token(Form form, const PlatformClaims& platform, const PrivateKey& platform_key,
                         const RealmClaims& realm, const PrivateKey& rak);

/// What the platform's challenge is for a realm with this key (DEN0137 section A7.2.3.1).
Result<Digest> key_binding(const RealmClaims& realm);

/// The RAK as a token of `profile` has it: encoded as a COSE_Key, or the bare point without one.
Bytes rak_claim(const PublicKey& rak, const std::optional<std::string>& profile);
/// The inverse. Errors (Stage::kImage) say what is wrong with it.
Result<PublicKey> rak_of(const RealmClaims& realm);

}  // namespace rvmm::measure::token
