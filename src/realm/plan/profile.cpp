#include "realm/plan/profile.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.hpp"

namespace rvmm::realm {
namespace {

using measure::Rule;

constexpr std::array kProfiles = {
    Profile{.name = "rmm-2.0/tf-rmm + kvm-v14",
            .rule = Rule::kRmm2TfRmm,
            .sets_hash = false,
            .sets_personalization = false,
            .sets_pmu = false},
    // Emulated realms only: the same rule and order, and every parameter can be set.
    Profile{.name = "emulated",
            .rule = Rule::kRmm2TfRmm,
            .sets_hash = true,
            .sets_personalization = true,
            .sets_pmu = true},
};

/// The names of all profiles, or of those with `ability`, as a list for a message.
std::string names(bool Profile::* ability = nullptr) {
    std::string list;
    for (const Profile& profile : kProfiles) {
        if (ability != nullptr && !(profile.*ability)) continue;
        list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", profile.name);
    }
    return list;
}

Result<> check_ability(const Profile& profile, bool wanted, bool Profile::* ability,
                       std::string_view parameter) {
    if (!wanted || profile.*ability) return {};
    return fail(Stage::kConfig, "profile \"{}\" cannot set {}; profiles that can: {}", profile.name,
                parameter, names(ability));
}

}  // namespace

std::span<const Profile> profiles() {
    return kProfiles;
}

Result<const Profile*> find_profile(std::string_view name) {
    std::vector<std::string_view> known;
    for (const Profile& profile : kProfiles) {
        if (profile.name == name) return &profile;
        known.push_back(profile.name);
    }
    const auto guess = nearest(name, known);
    return fail(Stage::kConfig, "realm.profile: there is no \"{}\"{}; profiles: {}", name,
                guess ? fmt::format(", did you mean \"{}\"?", *guess) : "", names());
}

Result<> check_parameters(const Profile& profile, const RealmParameters& parameters) {
    const bool other_hash = parameters.hash != measure::Hash::kSha256;
    const bool personal = std::ranges::any_of(parameters.personalization,
                                              [](std::byte b) { return b != std::byte{0}; });
    RVMM_CHECK(check_ability(profile, other_hash, &Profile::sets_hash,
                             fmt::format("realm.hash {}", to_string(parameters.hash))));
    RVMM_CHECK(
        check_ability(profile, personal, &Profile::sets_personalization, "realm.personalization"));
    return check_ability(profile, parameters.pmu_counters != 0, &Profile::sets_pmu,
                         fmt::format("realm.pmu_counters {}", parameters.pmu_counters));
}

}  // namespace rvmm::realm
