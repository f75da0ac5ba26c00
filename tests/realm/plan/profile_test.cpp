#include "realm/plan/profile.hpp"

#include <set>

#include <gtest/gtest.h>

namespace rvmm::realm {
namespace {

const ProfileTable& table() {
    return ProfileTable::built_in();
}

const Profile& row(std::string_view name) {
    const auto found = table().find(name);
    EXPECT_TRUE(found) << name;
    return **found;
}

TEST(ProfileTable, First_IsTheDefaultOfSpecs) {
    ASSERT_FALSE(table().rows().empty());
    EXPECT_EQ(table().rows().front().name, RealmParameters{}.profile);
}

TEST(ProfileTable, Rows_HaveNamesOfTheirOwnAndTakeTheDefaults) {
    std::set<std::string> names;
    for (const Profile& profile : table().rows()) {
        EXPECT_TRUE(names.insert(profile.name).second) << profile.name;
        const auto found = table().find(profile.name);
        ASSERT_TRUE(found);
        EXPECT_EQ(*found, &profile);
        EXPECT_TRUE(table().check(profile, RealmParameters{})) << profile.name;
    }
}

TEST(ProfileTable, EveryHostAndRule_IsThere) {
    for (const char* name : {"rmm-1.0 + kvm-v10", "rmm-1.0 + kvm-v12", "rmm-2.0/tf-rmm + kvm-v13",
                             "rmm-2.0/tf-rmm + kvm-v14", "rmm-2.0/tf-rmm + kvm-v15",
                             "rmm-2.0/spec + kvm-v14", "rmm-2.0/spec + kvm-v15", "emulated",
                             "rmm-2.0/tf-rmm + kvm-v14 + 16k", "rmm-2.0/tf-rmm + kvm-v14 + 64k"})
        EXPECT_TRUE(table().find(name)) << name;
    EXPECT_EQ(row("rmm-2.0/tf-rmm + kvm-v14 + 64k").page_size, 65536U);
}

TEST(ProfileTable, Verified_IsWhatRanOnAHost) {
    for (const Profile& profile : table().rows()) {
        const bool ran = profile.name == "rmm-1.0 + kvm-v10" ||
                         profile.name == "rmm-1.0 + kvm-v12" ||
                         profile.name == "rmm-2.0/tf-rmm + kvm-v14" || profile.name == "emulated";
        EXPECT_EQ(profile.verified, ran) << profile.name;
        EXPECT_TRUE(profile.verified || !profile.note.empty()) << profile.name;
    }
}

TEST(FindProfile, HostAlone_IsItsFirstRow) {
    EXPECT_EQ(row("kvm-v12").name, "rmm-1.0 + kvm-v12");
    EXPECT_EQ(row("kvm-v14").name, "rmm-2.0/tf-rmm + kvm-v14");
}

TEST(FindProfile, UnknownName_NamesTheNearest) {
    const auto misspelt = table().find("emulate");
    ASSERT_FALSE(misspelt);
    EXPECT_EQ(misspelt.error().stage(), Stage::kConfig);
    EXPECT_EQ(misspelt.error().message(),
              "there is no profile \"emulate\", did you mean \"emulated\"? (rvmm profiles lists "
              "them)");
    EXPECT_EQ(table().find("x").error().message(),
              "there is no profile \"x\" (rvmm profiles lists them)");
}

TEST(CheckParameters, WhatAProfileCannotSet_IsRefusedWithThoseThatCan) {
    RealmParameters sha384;
    sha384.hash = measure::Hash::kSha384;
    RealmParameters sha512;
    sha512.hash = measure::Hash::kSha512;
    RealmParameters personal;
    personal.personalization[63] = std::byte{1};
    RealmParameters pmu;
    pmu.pmu_counters = 6;
    const struct {
        RealmParameters parameters;
        std::string_view what;
        std::string_view able;
    } cases[] = {{sha384, "realm.hash sha384", "\"emulated\""},
                 {sha512, "realm.hash sha512", "\"rmm-1.0 + kvm-v10\", \"emulated\""},
                 {personal, "realm.personalization", "\"rmm-1.0 + kvm-v10\", \"emulated\""},
                 {pmu, "realm.pmu_counters 6",
                  "\"rmm-1.0 + kvm-v12\", \"rmm-1.0 + kvm-v10\", \"emulated\""}};
    const Profile& v14 = row("rmm-2.0/tf-rmm + kvm-v14");
    for (const auto& test : cases) {
        EXPECT_TRUE(table().check(row("emulated"), test.parameters)) << test.what;
        const auto refused = table().check(v14, test.parameters);
        ASSERT_FALSE(refused) << test.what;
        EXPECT_EQ(refused.error().stage(), Stage::kConfig);
        EXPECT_EQ(refused.error().message(),
                  fmt::format("profile \"{}\" cannot set {}; profiles that can: {}", v14.name,
                              test.what, test.able));
    }
}

TEST(CheckParameters, SveAndBreakpoints_AreTakenByAll) {
    RealmParameters parameters;
    parameters.sve_vl = 256;
    parameters.breakpoints = 2;
    parameters.watchpoints = 16;
    for (const Profile& profile : table().rows())
        EXPECT_TRUE(table().check(profile, parameters)) << profile.name;
}

}  // namespace
}  // namespace rvmm::realm
