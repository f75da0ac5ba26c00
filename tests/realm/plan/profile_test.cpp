#include "realm/plan/profile.hpp"

#include <gtest/gtest.h>

namespace rvmm::realm {
namespace {

constexpr std::string_view kV14 = "rmm-2.0/tf-rmm + kvm-v14";

TEST(Profiles, First_IsTheDefaultOfSpecs) {
    ASSERT_FALSE(profiles().empty());
    EXPECT_EQ(profiles().front().name, RealmParameters{}.profile);
    for (const Profile& profile : profiles()) {
        const auto found = find_profile(profile.name);
        ASSERT_TRUE(found);
        EXPECT_EQ(*found, &profile);
        EXPECT_TRUE(check_parameters(profile, RealmParameters{}));
    }
}

TEST(FindProfile, UnknownName_NamesTheNearestAndAll) {
    const auto misspelt = find_profile("emulate");
    ASSERT_FALSE(misspelt);
    EXPECT_EQ(misspelt.error().stage(), Stage::kConfig);
    EXPECT_EQ(misspelt.error().message(),
              "realm.profile: there is no \"emulate\", did you mean \"emulated\"?; profiles: "
              "\"rmm-2.0/tf-rmm + kvm-v14\", \"emulated\"");
    EXPECT_EQ(find_profile("x").error().message(),
              "realm.profile: there is no \"x\"; profiles: \"rmm-2.0/tf-rmm + kvm-v14\", "
              "\"emulated\"");
}

TEST(CheckParameters, WhatV14CannotSet_IsRefusedWithTheProfilesThatCan) {
    RealmParameters sha512;
    sha512.hash = measure::Hash::kSha512;
    RealmParameters personal;
    personal.personalization[63] = std::byte{1};
    RealmParameters pmu;
    pmu.pmu_counters = 6;
    const struct {
        RealmParameters parameters;
        std::string_view what;
    } cases[] = {{sha512, "realm.hash sha512"},
                 {personal, "realm.personalization"},
                 {pmu, "realm.pmu_counters 6"}};
    const Profile& v14 = **find_profile(kV14);
    const Profile& emulated = **find_profile("emulated");
    for (const auto& test : cases) {
        EXPECT_TRUE(check_parameters(emulated, test.parameters)) << test.what;
        const auto refused = check_parameters(v14, test.parameters);
        ASSERT_FALSE(refused) << test.what;
        EXPECT_EQ(refused.error().stage(), Stage::kConfig);
        EXPECT_EQ(refused.error().message(),
                  fmt::format("profile \"{}\" cannot set {}; profiles that can: \"emulated\"", kV14,
                              test.what));
    }
}

TEST(CheckParameters, SveAndBreakpoints_AreSetByAll) {
    RealmParameters parameters;
    parameters.sve_vl = 256;
    parameters.breakpoints = 2;
    parameters.watchpoints = 16;
    for (const Profile& profile : profiles())
        EXPECT_TRUE(check_parameters(profile, parameters)) << profile.name;
}

}  // namespace
}  // namespace rvmm::realm
