// Endorsements of a realm: what a verifier is given so that it knows the realm's measurements
// before the realm exists. Written as a CoRIM (CBOR) and as the JSON that Veraison's cocli makes
// one from.
//
// Form: CCA endorsements, profile tag:arm.com,2025:cca_realm#1.0.0, as the shared facts page "Arm
// CCA realm measurements" has it in section 6. Same content, same bytes: the identifiers are UUIDs
// of version 8 (RFC 9562) made from a SHA-256 over the measurements, and there is no date in it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"

namespace rvmm::measure {

inline constexpr std::string_view kRealmProfile = "tag:arm.com,2025:cca_realm#1.0.0";
inline constexpr std::size_t kMaxRpvSize = 64;

/// The reference values of one realm.
struct Endorsement {
    Hash hash = Hash::kSha256;
    Digest rim;                                 // of `hash`, like the REMs
    std::array<std::optional<Digest>, 4> rems;  // REM1 to REM4; the form calls them rem0 to rem3
    /// The personalization value, 1 to kMaxRpvSize bytes. A token has all 64 bytes of it, and
    /// verifiers compare the bytes given here with those.
    std::optional<Bytes> rpv;

    friend bool operator==(const Endorsement&, const Endorsement&) = default;
};

/// The CoRIM. Fails (Stage::kInternal) on a digest that is not of `hash` or a RPV of another size.
Result<Bytes> to_corim(const Endorsement& endorsement);

/// The two texts that cocli makes the same CoRIM from:
/// `cocli comid create --template comid.json`, then
/// `cocli corim create --template corim.json --comid comid.cbor`. Each ends with a newline.
struct CocliTemplates {
    std::string comid;
    std::string corim;
};
Result<CocliTemplates> to_cocli(const Endorsement& endorsement);

/// The reference values in an unsigned CoRIM of that profile, whoever wrote it, if it holds those
/// of exactly one realm. Parts that are no reference values (validity, entities, ...) are not
/// looked at. Errors (Stage::kImage) say in one clause what is not of the form.
Result<Endorsement> from_corim(ByteSpan corim);

}  // namespace rvmm::measure
