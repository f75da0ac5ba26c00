// What a verifier finds out about a token: whether it is genuine, and whether it is the expected
// realm's.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "measure/token/token.hpp"

namespace rvmm::measure::token {

/// What a token is held against. What is not said is not looked at.
struct Expectations {
    const PublicKey* trust_anchor = nullptr;  // the platform's key (CPAK)
    bool realm_only = false;                  // the platform's signature and state may go unchecked
    bool allow_emulated = false;              // a platform that is none will do
    std::optional<Bytes> challenge = {};      // up to kChallengeSize bytes; zeros follow
    std::optional<std::string> profile = {};  // the realm's; empty: none
    std::optional<Hash> hash = {};
    std::optional<Digest> rim = {};
    std::array<std::optional<Digest>, 4> rems = {};  // REM1 to REM4
    std::optional<Bytes> rpv = {};                   // up to kRpvSize bytes; zeros follow
};

struct Check {
    enum class State : std::uint8_t { kHolds, kFails, kUnchecked };
    /// Genuine: of a realm on a platform that is trusted, for this challenge. Expected: of this
    /// realm.
    enum class About : std::uint8_t { kGenuine, kExpected };

    std::string name;  // "realm signature", "RIM", ...
    State state = State::kHolds;
    About about = About::kGenuine;
    std::string detail;  // one clause
};

struct Verdict {
    std::vector<Check> checks;

    /// No check of that kind fails.
    bool holds(Check::About about) const;
    const Check* find(std::string_view name) const;
};

/// In the order in which a reader wants to know. Fails (Stage::kInternal) only if OpenSSL does.
Result<Verdict> verify(const Token& token, const Expectations& expected);

}  // namespace rvmm::measure::token
