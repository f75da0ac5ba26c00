// Profiles of the user's own: the rows of a TOML file, put over a table of profiles or added to it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "realm/plan/profile.hpp"
#include "realm/spec/config_keys.hpp"

namespace rvmm::realm {

/// The keys of a profile, in the order of the reference (docs/measure.md). Their table is "profile"
/// in errors, for the tables of the file have the profiles' names.
std::span<const ConfigKey> profile_keys();

/// `table` with the rows of `text`, which `name` names in errors: see ProfileTable::with_text().
Result<std::vector<Profile>> read_profiles(std::string_view text, std::string_view name,
                                           const ProfileTable& table);

}  // namespace rvmm::realm
