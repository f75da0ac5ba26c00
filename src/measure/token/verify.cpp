#include "measure/token/verify.hpp"

#include <algorithm>

#include "measure/token/emulated_platform.hpp"

namespace rvmm::measure::token {
namespace {

using About = Check::About;
using State = Check::State;

Check check(std::string name, bool holds, std::string detail, About about = About::kGenuine) {
    return {std::move(name), holds ? State::kHolds : State::kFails, about, std::move(detail)};
}

Check realm_signature(const Token& token) {
    const std::string_view algorithm = facts_of(token.realm_message.curve).algorithm;
    if (!verify(token.realm_message, token.rak))
        return check("realm signature", false,
                     fmt::format("it is not of the realm's key by {}", algorithm));
    return check("realm signature", true, fmt::format("{}, by the realm's key", algorithm));
}

Result<Check> binding(const Token& token) {
    RVMM_TRY(const Digest bound, key_binding(token.realm));
    const ByteSpan hash = bound.bytes();
    const bool holds = std::ranges::equal(hash, token.platform.challenge);
    return check("key binding", holds,
                 holds ? fmt::format("the platform's challenge is the {} of the realm's key",
                                     claim_text(token.realm.rak_hash))
                       : fmt::format("the platform's challenge is {}, the {} of the realm's key {}",
                                     rvmm::to_hex(token.platform.challenge),
                                     claim_text(token.realm.rak_hash), rvmm::to_hex(hash)));
}

Check platform_signature(const Token& token, const Expectations& expected) {
    Check signature{"platform signature", State::kUnchecked, About::kGenuine,
                    "no trust anchor was given"};
    if (expected.trust_anchor == nullptr) {
        if (!expected.realm_only) signature.state = State::kFails;
        return signature;
    }
    const bool holds = verify(token.platform_message, *expected.trust_anchor);
    return check(
        signature.name, holds,
        fmt::format("{}, {} the trust anchor", facts_of(token.platform_message.curve).algorithm,
                    holds ? "by" : "and not by"));
}

/// By the published test key, whatever the claims say, and by what the claims say.
Result<bool> speaks_of_no_platform(const Token& token) {
    if (is_emulated(token.platform)) return true;
    RVMM_TRY(const PrivateKey key, test_key());
    return verify(token.platform_message, key.public_key());
}

Check platform_kind(bool emulated, const Expectations& expected) {
    if (!emulated) return check("platform", true, "it does not say that it is emulated");
    return check("platform", expected.allow_emulated,
                 expected.allow_emulated
                     ? "it is emulated, which was allowed: nothing protects this realm"
                     : "it is emulated: nothing protects this realm");
}

Check lifecycle(const Token& token, bool emulated, const Expectations& expected) {
    const std::uint16_t state = token.platform.lifecycle;
    Check found =
        check("platform lifecycle", is_secured(state) || (emulated && expected.allow_emulated),
              fmt::format("{:#06x} {}", state, lifecycle_name(state)));
    // What nobody vouches for is no reason to trust or to distrust.
    if (expected.realm_only && expected.trust_anchor == nullptr) found.state = State::kUnchecked;
    return found;
}

Check profiles(const Token& token, const Expectations& expected) {
    if (token.platform.profile != kPlatformProfile2023)
        return check("profile", false,
                     fmt::format("the platform's, {}, is not known", token.platform.profile));
    const auto text = [](const std::optional<std::string>& profile) {
        return profile.value_or("").empty() ? "none" : *profile;
    };
    const std::string shown = text(token.realm.profile);
    if (expected.profile) {
        const std::string wanted = text(expected.profile);
        return check("profile", shown == wanted,
                     shown == wanted ? shown : fmt::format("{}, not {}", shown, wanted));
    }
    const bool known = !token.realm.profile || *token.realm.profile == kRealmProfile2023 ||
                       *token.realm.profile == kRealmProfile2024;
    return check("profile", known, known ? shown : fmt::format("{} is not known", shown));
}

Check same(std::string name, ByteSpan shown, ByteSpan wanted, About about) {
    if (std::ranges::equal(shown, wanted))
        return check(std::move(name), true, rvmm::to_hex(shown), about);
    return check(std::move(name), false,
                 fmt::format("{}, not {}", rvmm::to_hex(shown), rvmm::to_hex(wanted)), about);
}

/// `bytes` and zeros.
Bytes padded_to(const Bytes& bytes, std::size_t size) {
    Bytes padded = bytes;
    padded.resize(std::max(size, bytes.size()));
    return padded;
}

void add_expected(const Token& token, const Expectations& expected, std::vector<Check>& checks) {
    const RealmClaims& realm = token.realm;
    if (expected.hash)
        checks.push_back(check("hash", realm.hash == *expected.hash,
                               std::string(claim_text(realm.hash)), About::kExpected));
    if (expected.rim)
        checks.push_back(same("RIM", realm.rim.bytes(), expected.rim->bytes(), About::kExpected));
    else
        checks.push_back({"RIM", State::kUnchecked, About::kExpected, to_hex(realm.rim)});
    for (std::size_t i = 0; i < realm.rems.size(); ++i)
        if (expected.rems[i])
            checks.push_back(same(fmt::format("REM{}", i + 1), realm.rems[i].bytes(),
                                  expected.rems[i]->bytes(), About::kExpected));
    if (expected.rpv)
        checks.push_back(
            same("RPV", realm.rpv, padded_to(*expected.rpv, kRpvSize), About::kExpected));
}

}  // namespace

bool Verdict::holds(Check::About about) const {
    return std::ranges::none_of(checks, [about](const Check& check) {
        return check.about == about && check.state == State::kFails;
    });
}

const Check* Verdict::find(std::string_view name) const {
    const auto found = std::ranges::find(checks, name, &Check::name);
    return found == checks.end() ? nullptr : &*found;
}

Result<Verdict> verify(const Token& token, const Expectations& expected) {
    Verdict verdict;
    verdict.checks.push_back(profiles(token, expected));
    verdict.checks.push_back(realm_signature(token));
    RVMM_TRY(verdict.checks.emplace_back(), binding(token));
    verdict.checks.push_back(platform_signature(token, expected));
    RVMM_TRY(const bool emulated, speaks_of_no_platform(token));
    verdict.checks.push_back(platform_kind(emulated, expected));
    verdict.checks.push_back(lifecycle(token, emulated, expected));
    if (expected.challenge)
        verdict.checks.push_back(same("challenge", token.realm.challenge,
                                      padded_to(*expected.challenge, kChallengeSize),
                                      About::kGenuine));
    add_expected(token, expected, verdict.checks);
    return verdict;
}

}  // namespace rvmm::measure::token
