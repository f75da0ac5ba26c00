// Profiles: who measures what in which order, as data. A profile is an RMM's measurement rule and a
// host ABI revision.
#pragma once

#include <span>
#include <string_view>

#include "base/error.hpp"
#include "measure/rim.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

struct Profile {
    std::string_view name;      // "rmm-2.0/tf-rmm + kvm-v14"
    measure::Rule rule;         // what the RMM measures, and how
    bool sets_hash;             // hash algorithms other than SHA-256 can be asked for
    bool sets_personalization;  // RPV can be set
    bool sets_pmu;              // a PMU can be asked for
};

/// All profiles that this rvmm knows, the default first.
std::span<const Profile> profiles();

/// The profile named `name`. Errors (Stage::kConfig) name the nearest and list all.
Result<const Profile*> find_profile(std::string_view name);

/// Refuses (Stage::kConfig) a parameter that the profile cannot set, naming the profiles that can.
Result<> check_parameters(const Profile& profile, const RealmParameters& parameters);

}  // namespace rvmm::realm
