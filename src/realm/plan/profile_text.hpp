// Profiles for people and for scripts: what `rvmm profiles` prints.
#pragma once

#include <span>
#include <string>

#include "realm/plan/profile.hpp"

namespace rvmm::realm {

/// A table with a line for each of `rows`.
std::string to_text(std::span<const Profile> rows);

/// All of one profile, a line a field.
std::string to_text(const Profile& profile);

/// One JSON document: "tool", and "profiles", an array with an object for each of `rows`.
std::string to_json(std::span<const Profile> rows);

}  // namespace rvmm::realm
