#include "measure/token/claims.hpp"

#include <algorithm>

#include "measure/token/claim_reader.hpp"

namespace rvmm::measure::token {
namespace {

using cbor::Value;

struct Lifecycle {
    std::uint8_t state;  // the high byte; the low one is the implementation's own
    std::string_view name;
};
constexpr std::uint8_t kSecured = 0x30;
constexpr std::array kLifecycles = {
    Lifecycle{0x00, "unknown"},
    Lifecycle{0x10, "assembly-and-test"},
    Lifecycle{0x20, "cca-platform-rot-provisioning"},
    Lifecycle{kSecured, "secured"},
    Lifecycle{0x40, "non-cca-platform-rot-debug"},
    Lifecycle{0x50, "recoverable-cca-platform-rot-debug"},
    Lifecycle{0x60, "decommissioned"},
};

/// Entries of a map, each from a claim's name and what it says.
class ClaimMap {
  public:
    ClaimMap& bytes(ClaimName name, ByteSpan bytes) { return add(name, Value::bytes(bytes)); }
    ClaimMap& text(ClaimName name, std::string_view text) { return add(name, Value::text(text)); }
    ClaimMap& text_if(ClaimName name, const std::optional<std::string>& text) {
        return text ? add(name, Value::text(*text)) : *this;
    }
    ClaimMap& number(ClaimName name, std::uint64_t n) { return add(name, Value::number(n)); }
    ClaimMap& add(ClaimName name, Value value) {
        entries_.emplace_back(Value::integer(name.number), std::move(value));
        return *this;
    }
    Value finish(const OtherClaims& others) {
        entries_.insert(entries_.end(), others.begin(), others.end());
        return Value::map(std::move(entries_));
    }

  private:
    Value::Map entries_;
};

Value value_of(const SoftwareComponent& component) {
    return ClaimMap()
        .text_if(claim::kComponentType, component.type)
        .bytes(claim::kComponentMeasurement, component.measurement)
        .text_if(claim::kComponentVersion, component.version)
        .bytes(claim::kComponentSigner, component.signer)
        .text_if(claim::kComponentHash, component.hash)
        .finish(component.others);
}

constexpr std::string_view kPlatformToken = "platform token";
constexpr std::string_view kRealmToken = "realm token";

Result<SoftwareComponent> component_of(const Value& value) {
    constexpr std::string_view kWhose = "platform token: software component";
    if (value.as_map() == nullptr) return fail(Stage::kImage, "{}: it is no map", kWhose);
    ClaimReader reader(*value.as_map(), kWhose);
    SoftwareComponent component;
    RVMM_TRY(component.type, reader.text_or_none(claim::kComponentType));
    RVMM_TRY(component.measurement, reader.bytes(claim::kComponentMeasurement, {32, 48, 64}));
    RVMM_TRY(component.version, reader.text_or_none(claim::kComponentVersion));
    RVMM_TRY(component.signer, reader.bytes(claim::kComponentSigner, {32, 48, 64}));
    RVMM_TRY(component.hash, reader.text_or_none(claim::kComponentHash));
    component.others = reader.others();
    return component;
}

Result<> take_rems(ClaimReader& reader, RealmClaims& claims) {
    RVMM_TRY(const auto rems, reader.array(claim::kRems));
    if (rems.size() != claims.rems.size()) return reader.wrong(claim::kRems, "is not four");
    for (std::size_t i = 0; i < rems.size(); ++i) {
        const Bytes* const bytes = rems[i].as_bytes();
        if (bytes == nullptr || bytes->size() != digest_size(claims.hash))
            return reader.wrong(claim::kRems,
                                fmt::format("is not of {} bytes each", digest_size(claims.hash)));
        claims.rems[i] = *Digest::from(*bytes);
    }
    return {};
}

Result<> take_mec_policy(ClaimReader& reader, RealmClaims& claims) {
    const auto value = reader.any(claim::kMecPolicy);
    if (!value) return {};
    claims.mec_policy_is_text = value->as_text() != nullptr;
    for (const MecPolicy policy : {MecPolicy::kShared, MecPolicy::kPrivate}) {
        const bool is = claims.mec_policy_is_text
                            ? *value->as_text() == claim_text(policy)
                            : value->as_number() == static_cast<std::uint64_t>(policy);
        if (is) claims.mec_policy = policy;
    }
    if (!claims.mec_policy)
        return reader.wrong(claim::kMecPolicy, "is neither 0 (\"shared\") nor 1 (\"private\")");
    return {};
}

}  // namespace

std::string_view lifecycle_name(std::uint16_t lifecycle) {
    const auto* const found = std::ranges::find(kLifecycles, lifecycle >> 8, &Lifecycle::state);
    return found == kLifecycles.end() ? "invalid" : found->name;
}

bool is_secured(std::uint16_t lifecycle) {
    return lifecycle >> 8 == kSecured;
}

std::string_view claim_text(Hash hash) {
    switch (hash) {
        case Hash::kSha256:
            return "sha-256";
        case Hash::kSha384:
            return "sha-384";
        case Hash::kSha512:
            return "sha-512";
    }
    return "";
}

std::string_view claim_text(MecPolicy policy) {
    return policy == MecPolicy::kShared ? "shared" : "private";
}

Bytes encode(const PlatformClaims& claims) {
    Value::Array components;
    for (const SoftwareComponent& component : claims.components)
        components.push_back(value_of(component));
    return cbor::encode(ClaimMap()
                            .text(claim::kPlatformProfile, claims.profile)
                            .bytes(claim::kPlatformChallenge, claims.challenge)
                            .bytes(claim::kImplementationId, claims.implementation_id)
                            .bytes(claim::kInstanceId, claims.instance_id)
                            .bytes(claim::kConfig, claims.config)
                            .number(claim::kLifecycle, claims.lifecycle)
                            .text(claim::kPlatformHash, claims.hash)
                            .text_if(claim::kVerifier, claims.verifier)
                            .add(claim::kComponents, Value::array(std::move(components)))
                            .finish(claims.others));
}

Bytes encode(const RealmClaims& claims) {
    Value::Array rems;
    for (const Digest& rem : claims.rems) rems.push_back(Value::bytes(rem.bytes()));
    ClaimMap map;
    map.text_if(claim::kRealmProfile, claims.profile)
        .bytes(claim::kRealmChallenge, claims.challenge)
        .bytes(claim::kRpv, claims.rpv)
        .text(claim::kRealmHash, claim_text(claims.hash))
        .bytes(claim::kRak, claims.rak)
        .bytes(claim::kRim, claims.rim.bytes())
        .add(claim::kRems, Value::array(std::move(rems)))
        .text(claim::kRakHash, claim_text(claims.rak_hash));
    if (claims.instance_id) map.bytes(claim::kRealmInstanceId, *claims.instance_id);
    if (claims.mec_policy && claims.mec_policy_is_text)
        map.text(claim::kMecPolicy, claim_text(*claims.mec_policy));
    else if (claims.mec_policy)
        map.number(claim::kMecPolicy, static_cast<std::uint64_t>(*claims.mec_policy));
    return cbor::encode(map.finish(claims.others));
}

Result<PlatformClaims> decode_platform_claims(ByteSpan payload) {
    RVMM_TRY(auto reader, ClaimReader::create(payload, kPlatformToken));
    PlatformClaims claims;
    RVMM_TRY(claims.profile, reader.text(claim::kPlatformProfile));
    RVMM_TRY(claims.challenge, reader.bytes(claim::kPlatformChallenge, {32, 48, 64}));
    RVMM_TRY(claims.implementation_id,
             reader.bytes(claim::kImplementationId, {kImplementationIdSize}));
    RVMM_TRY(claims.instance_id, reader.bytes(claim::kInstanceId, {kInstanceIdSize}));
    RVMM_TRY(claims.config, reader.bytes(claim::kConfig, {}));
    RVMM_TRY(const std::uint64_t lifecycle, reader.number(claim::kLifecycle, 0xffff));
    claims.lifecycle = static_cast<std::uint16_t>(lifecycle);
    RVMM_TRY(claims.hash, reader.text(claim::kPlatformHash));
    RVMM_TRY(claims.verifier, reader.text_or_none(claim::kVerifier));
    RVMM_TRY(const auto components, reader.array(claim::kComponents));
    for (const Value& component : components) {
        RVMM_TRY(claims.components.emplace_back(), component_of(component));
    }
    claims.others = reader.others();
    return claims;
}

Result<RealmClaims> decode_realm_claims(ByteSpan payload) {
    RVMM_TRY(auto reader, ClaimReader::create(payload, kRealmToken));
    RealmClaims claims;
    RVMM_TRY(claims.profile, reader.text_or_none(claim::kRealmProfile));
    RVMM_TRY(claims.challenge, reader.bytes(claim::kRealmChallenge, {kChallengeSize}));
    RVMM_TRY(claims.instance_id, reader.bytes_or_none(claim::kRealmInstanceId, {kInstanceIdSize}));
    RVMM_TRY(claims.rpv, reader.bytes(claim::kRpv, {kRpvSize}));
    RVMM_TRY(claims.hash, reader.hash(claim::kRealmHash));
    RVMM_TRY(claims.rak, reader.bytes(claim::kRak, {}));
    RVMM_TRY(claims.rak_hash, reader.hash(claim::kRakHash));
    RVMM_TRY(const Bytes rim, reader.bytes(claim::kRim, {digest_size(claims.hash)}));
    claims.rim = *Digest::from(rim);
    RVMM_CHECK(take_rems(reader, claims));
    RVMM_CHECK(take_mec_policy(reader, claims));
    claims.others = reader.others();
    return claims;
}

}  // namespace rvmm::measure::token
