#include "measure/token/describe.hpp"

#include <algorithm>

#include "measure/token/emulated_platform.hpp"

namespace rvmm::measure::token {
namespace {

using Kind = ShownClaim::Kind;

bool is_zero(ByteSpan bytes) {
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

/// The text that bytes are, up to the zeros at their end; empty if they are no printable text.
std::string text_in(ByteSpan bytes) {
    while (!bytes.empty() && bytes.back() == std::byte{0}) bytes = bytes.first(bytes.size() - 1);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const bool printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    return printable && text.size() > 3 ? fmt::format("\"{}\"", text) : "";
}

class Shown {
  public:
    /// `prefix` is before each name.
    explicit Shown(std::string prefix = {}) : prefix_(std::move(prefix)) {}

    Shown& bytes(ClaimName name, ByteSpan bytes, std::string meaning = {}) {
        return add(name, rvmm::to_hex(bytes), std::move(meaning), Kind::kBytes);
    }
    Shown& text(ClaimName name, std::string text, std::string meaning = {}) {
        return add(name, std::move(text), std::move(meaning), Kind::kText);
    }
    Shown& text_if(ClaimName name, const std::optional<std::string>& text) {
        return text ? this->text(name, *text) : *this;
    }
    Shown& number(ClaimName name, std::uint64_t number, std::string meaning) {
        return add(name, std::to_string(number), std::move(meaning), Kind::kNumber);
    }
    Shown& element(ClaimName name, std::size_t index, ByteSpan bytes, std::string meaning) {
        claims_.push_back({fmt::format("{}[{}]", name.name, index), name.number,
                           rvmm::to_hex(bytes), std::move(meaning), Kind::kBytes});
        return *this;
    }
    Shown& others(const OtherClaims& claims) {
        for (const auto& [key, value] : claims) {
            const std::int64_t number = key.as_integer().value_or(0);
            const std::string name =
                key.as_text() != nullptr ? *key.as_text() : fmt::format("{}", number);
            claims_.push_back({prefix_ + name, number, rvmm::to_hex(cbor::encode(value)),
                               "not known to this rvmm; its CBOR", Kind::kOther});
        }
        return *this;
    }
    Shown& all(std::vector<ShownClaim> claims) {
        std::ranges::move(claims, std::back_inserter(claims_));
        return *this;
    }
    std::vector<ShownClaim> finish() { return std::move(claims_); }

  private:
    Shown& add(ClaimName name, std::string value, std::string meaning, Kind kind) {
        claims_.push_back({prefix_ + std::string(name.name), name.number, std::move(value),
                           std::move(meaning), kind});
        return *this;
    }

    std::string prefix_;
    std::vector<ShownClaim> claims_;
};

std::vector<ShownClaim> describe(const SoftwareComponent& component, std::size_t index) {
    return Shown(fmt::format("{}[{}].", claim::kComponents.name, index))
        .text_if(claim::kComponentType, component.type)
        .bytes(claim::kComponentMeasurement, component.measurement,
               is_zero(component.measurement) ? "nothing was measured" : "")
        .text_if(claim::kComponentVersion, component.version)
        .bytes(claim::kComponentSigner, component.signer)
        .text_if(claim::kComponentHash, component.hash)
        .others(component.others)
        .finish();
}

std::string key_meaning(const RealmClaims& claims) {
    const auto key = rak_of(claims);
    if (!key) return "no key";
    return fmt::format("RAK, {} {}", facts_of(key->curve()).name,
                       claims.profile ? "as a COSE_Key" : "as a bare point");
}

}  // namespace

std::vector<ShownClaim> describe(const PlatformClaims& claims) {
    Shown shown;
    shown.text(claim::kPlatformProfile, claims.profile)
        .bytes(claim::kPlatformChallenge, claims.challenge, "hash of the realm's key")
        .bytes(claim::kImplementationId, claims.implementation_id,
               is_emulated(claims) ? "EMULATED: " + text_in(claims.implementation_id)
                                   : text_in(claims.implementation_id))
        .bytes(claim::kInstanceId, claims.instance_id,
               text_in(ByteSpan(claims.instance_id).subspan(1)))
        .bytes(claim::kConfig, claims.config, text_in(claims.config))
        .number(claim::kLifecycle, claims.lifecycle,
                fmt::format("{:#06x}, {}", claims.lifecycle, lifecycle_name(claims.lifecycle)))
        .text(claim::kPlatformHash, claims.hash)
        .text_if(claim::kVerifier, claims.verifier);
    for (std::size_t i = 0; i < claims.components.size(); ++i)
        shown.all(describe(claims.components[i], i));
    return shown.others(claims.others).finish();
}

std::vector<ShownClaim> describe(const RealmClaims& claims) {
    Shown shown;
    if (claims.profile) shown.text(claim::kRealmProfile, *claims.profile);
    shown.bytes(claim::kRealmChallenge, claims.challenge, is_zero(claims.challenge) ? "zeros" : "");
    if (claims.instance_id) shown.bytes(claim::kRealmInstanceId, *claims.instance_id);
    shown.bytes(claim::kRpv, claims.rpv, is_zero(claims.rpv) ? "RPV, not set" : "RPV")
        .text(claim::kRealmHash, std::string(claim_text(claims.hash)))
        .bytes(claim::kRim, claims.rim.bytes(), "RIM");
    for (std::size_t i = 0; i < claims.rems.size(); ++i)
        shown.element(claim::kRems, i, claims.rems[i].bytes(),
                      fmt::format("REM{}{}", i + 1,
                                  is_zero(claims.rems[i].bytes()) ? ", never extended" : ""));
    shown.bytes(claim::kRak, claims.rak, key_meaning(claims))
        .text(claim::kRakHash, std::string(claim_text(claims.rak_hash)));
    if (claims.mec_policy && claims.mec_policy_is_text)
        shown.text(claim::kMecPolicy, std::string(claim_text(*claims.mec_policy)));
    else if (claims.mec_policy)
        shown.number(claim::kMecPolicy, static_cast<std::uint64_t>(*claims.mec_policy),
                     std::string(claim_text(*claims.mec_policy)));
    return shown.others(claims.others).finish();
}

std::string_view describe(Form form) {
    return form == Form::kCcaToken ? "CCA token (tag 399)" : "CMW collection (tag 907)";
}

}  // namespace rvmm::measure::token
