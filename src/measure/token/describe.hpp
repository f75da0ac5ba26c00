// A token's claims for people and scripts: each by name, number, value and meaning.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "measure/token/token.hpp"

namespace rvmm::measure::token {

struct ShownClaim {
    std::string name;         // "cca-platform-sw-components[0].version" within an array
    std::int64_t number = 0;  // the claim's, or that within the array's map
    std::string value;        // bytes as hex, a number as decimal digits, text as it is
    std::string meaning;      // of the value; empty: nothing to add
    enum class Kind : std::uint8_t { kBytes, kText, kNumber, kOther } kind = Kind::kBytes;
};

/// In one fixed order, with claims that are not known at the end.
std::vector<ShownClaim> describe(const PlatformClaims& claims);
std::vector<ShownClaim> describe(const RealmClaims& claims);

/// "CCA token (tag 399)", "CMW collection (tag 907)".
std::string_view describe(Form form);

}  // namespace rvmm::measure::token
