// What a CCA attestation token says: the claims of its platform and of its realm.
//
// Form: DEN0137 section A7.2, draft-ffm-rats-cca-token, and the shared facts page "Arm CCA realm
// measurements", section 5, which was read off tokens of TF-RMM.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "measure/cbor.hpp"
#include "measure/hash.hpp"

namespace rvmm::measure::token {

/// A claim's number and the name that the documents give it.
struct ClaimName {
    std::int64_t number;
    std::string_view name;
};

namespace claim {
inline constexpr ClaimName kPlatformProfile{265, "cca-platform-profile"};
inline constexpr ClaimName kPlatformChallenge{10, "cca-platform-challenge"};
inline constexpr ClaimName kImplementationId{2396, "cca-platform-implementation-id"};
inline constexpr ClaimName kInstanceId{256, "cca-platform-instance-id"};
inline constexpr ClaimName kConfig{2401, "cca-platform-config"};
inline constexpr ClaimName kLifecycle{2395, "cca-platform-lifecycle"};
inline constexpr ClaimName kPlatformHash{2402, "cca-platform-hash-algo-id"};
inline constexpr ClaimName kVerifier{2400, "cca-platform-service-indicator"};
inline constexpr ClaimName kComponents{2399, "cca-platform-sw-components"};
inline constexpr ClaimName kComponentType{1, "component-type"};
inline constexpr ClaimName kComponentMeasurement{2, "measurement-value"};
inline constexpr ClaimName kComponentVersion{4, "version"};
inline constexpr ClaimName kComponentSigner{5, "signer-id"};
inline constexpr ClaimName kComponentHash{6, "hash-algo-id"};

inline constexpr ClaimName kRealmProfile{265, "cca-realm-profile"};
inline constexpr ClaimName kRealmChallenge{10, "cca-realm-challenge"};
inline constexpr ClaimName kRealmInstanceId{256, "cca-realm-instance-id"};
inline constexpr ClaimName kRpv{44235, "cca-realm-personalization-value"};
inline constexpr ClaimName kRealmHash{44236, "cca-realm-hash-algo-id"};
inline constexpr ClaimName kRak{44237, "cca-realm-public-key"};
inline constexpr ClaimName kRim{44238, "cca-realm-initial-measurement"};
inline constexpr ClaimName kRems{44239, "cca-realm-extensible-measurements"};
inline constexpr ClaimName kRakHash{44240, "cca-realm-public-key-hash-algo-id"};
inline constexpr ClaimName kMecPolicy{44243, "cca-realm-mec-policy"};
}  // namespace claim

inline constexpr std::size_t kChallengeSize = 64;  // of a realm; shorter ones are padded with zeros
inline constexpr std::size_t kRpvSize = 64;
inline constexpr std::size_t kInstanceIdSize = 33;  // 0x01 and 32 bytes
inline constexpr std::size_t kImplementationIdSize = 32;

inline constexpr std::string_view kPlatformProfile2023 = "tag:arm.com,2023:cca_platform#1.0.0";
inline constexpr std::string_view kRealmProfile2023 = "tag:arm.com,2023:realm#1.0.0";
inline constexpr std::string_view kRealmProfile2024 = "tag:arm.com,2024:realm#2.0.0";

/// Claims that are not among the names above: kept, shown, and not understood.
using OtherClaims = std::vector<std::pair<cbor::Value, cbor::Value>>;

struct SoftwareComponent {
    std::optional<std::string> type;
    Bytes measurement;  // 32, 48 or 64 bytes
    std::optional<std::string> version;
    Bytes signer;  // the same
    std::optional<std::string> hash;
    OtherClaims others;

    friend bool operator==(const SoftwareComponent&, const SoftwareComponent&) = default;
};

struct PlatformClaims {
    std::string profile = std::string(kPlatformProfile2023);
    Bytes challenge;  // 32, 48 or 64 bytes: the hash of the realm's key
    Bytes implementation_id;
    Bytes instance_id;
    Bytes config;
    std::uint16_t lifecycle = 0;
    std::string hash = "sha-256";
    std::optional<std::string> verifier;
    std::vector<SoftwareComponent> components;
    OtherClaims others;

    friend bool operator==(const PlatformClaims&, const PlatformClaims&) = default;
};

/// Bits of the name are the spec's: whether all realms share one memory encryption context.
enum class MecPolicy : std::uint8_t { kShared = 0, kPrivate = 1 };

struct RealmClaims {
    std::optional<std::string> profile;  // RMM v0.5.0 had none
    Bytes challenge;                     // kChallengeSize
    std::optional<Bytes> instance_id;
    Bytes rpv;  // kRpvSize
    Hash hash = Hash::kSha256;
    Bytes rak;  // as encoded: a COSE_Key, or without a profile the bare point
    Hash rak_hash = Hash::kSha256;
    Digest rim;                  // of `hash`, like the REMs
    std::array<Digest, 4> rems;  // REM1 to REM4
    std::optional<MecPolicy> mec_policy;
    bool mec_policy_is_text = false;  // as v0.8.0 wrote it
    OtherClaims others;

    friend bool operator==(const RealmClaims&, const RealmClaims&) = default;
};

/// "secured", "unknown", ... (DEN0137 section A7.2.3); "invalid" for what has no name.
std::string_view lifecycle_name(std::uint16_t lifecycle);
/// Of a platform that attests realms for others than its developers.
bool is_secured(std::uint16_t lifecycle);
/// "sha-256", "sha-384", "sha-512" (IANA "Named Information Hash Algorithm").
std::string_view claim_text(Hash hash);
std::string_view claim_text(MecPolicy policy);

/// The encoded payloads. Claims that a struct cannot hold wrongly are not checked again.
Bytes encode(const PlatformClaims& claims);
Bytes encode(const RealmClaims& claims);

/// The claims of a payload. Errors (Stage::kImage) name the claim: one that is missing, of another
/// kind or size, or that says something it cannot say.
Result<PlatformClaims> decode_platform_claims(ByteSpan payload);
Result<RealmClaims> decode_realm_claims(ByteSpan payload);

}  // namespace rvmm::measure::token
