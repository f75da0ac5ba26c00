#include "realm/plan/find.hpp"

#include <random>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "realm/image_builder.hpp"
#include "realm/plan/candidate_chains.hpp"
#include "realm/plan/chain_search.hpp"
#include "realm/plan/fold.hpp"

namespace rvmm::realm {
namespace {

using measure::Digest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

MATCHER_P3(IsChange, key, from, to, "") {
    return arg.key == key && arg.from == from && arg.to == to;
}

class FindTest : public ::testing::Test {
  protected:
    FindTest() : spec_(test::realm_spec(512ULL << 20, 2)) {
        spec_.boot.kernel = dir_.write("kernel", test::ImageBuilder{}.build());
        spec_.boot.initrd = dir_.write("initrd", Bytes(9000, std::byte{0x5a}));
        spec_.boot.cmdline = "console=ttyS0";
        spec_.realm->profile = "emulated";
    }
    static Digest rim_of(const RealmSpec& spec) {
        const auto plan = LaunchPlan::create(spec);
        if (!plan) throw std::runtime_error(plan.error().message());
        return fold_rim(*plan).value();
    }
    FindOutcome find(const Digest& wanted, const FindOptions& options = {}) const {
        auto outcome = find_rim(spec_, wanted, options);
        if (!outcome) throw std::runtime_error(outcome.error().message());
        return *std::move(outcome);
    }
    std::string error_of(const AxisWishes& wishes) const {
        const auto outcome = find_rim(spec_, Digest(measure::Hash::kSha256), {.wishes = wishes});
        if (outcome) return "no error";
        EXPECT_EQ(outcome.error().stage(), Stage::kUsage) << outcome.error().message();
        return outcome.error().message();
    }
    Axes axes(const AxisWishes& wishes = {}) const {
        return Axes::create(spec_, ProfileTable::built_in(), wishes).value();
    }
    /// The spec of `candidate`, if a config could say it.
    std::optional<RealmSpec> spec_of(const Axes& axes, const Candidate& candidate) const {
        RealmSpec spec = spec_;
        axes.apply(candidate, spec);
        for (const Profile* profile : axes.group(candidate).rows) {
            spec.realm->profile = profile->name;
            if (LaunchPlan::create(spec)) return spec;
        }
        return std::nullopt;
    }
    test::TempDir dir_;
    RealmSpec spec_;
};

TEST_F(FindTest, Config_IsFoundItself) {
    const FindOutcome outcome = find(rim_of(spec_));
    ASSERT_TRUE(outcome.found);
    EXPECT_EQ(outcome.found->spec, spec_);
    EXPECT_TRUE(outcome.found->changes.empty());
    EXPECT_EQ(outcome.tried, 1U);
}

TEST_F(FindTest, EverySingleChange_IsFoundAndNamed) {
    const AxisWishes wishes{.vary = {}, .only = {}, .cmdlines = {"quiet", std::string(2000, 'x')}};
    const Axes varied = axes(wishes);
    std::size_t found = 0;
    const auto all = varied.for_each(1, [&](const Candidate& candidate) -> Result<bool> {
        const auto spec = spec_of(varied, candidate);
        if (!spec) return true;
        const FindOutcome outcome = find(rim_of(*spec), {.wishes = wishes});
        const auto axis = std::ranges::find_if(candidate, [](auto v) { return v != 0; });
        const auto key = axis_key(static_cast<Axis>(axis - candidate.begin()));
        EXPECT_TRUE(outcome.found) << key;
        if (!outcome.found) return true;
        EXPECT_EQ(outcome.found->spec, *spec) << key;
        EXPECT_EQ(outcome.found->changes.size(), 1U) << key;
        EXPECT_EQ(outcome.found->changes.front().key, key);
        ++found;
        return true;
    });
    EXPECT_TRUE(all && *all);
    EXPECT_EQ(varied.count(1), 82U);
    EXPECT_EQ(found, 81U);  // 32 bits leave no protected address above RAM's base
}

TEST_F(FindTest, Changes_AreNamedWithBothValues) {
    RealmSpec other = spec_;
    other.boot.initrd.reset();
    other.machine.memory = 1ULL << 30;
    other.realm->sve_vl = 256;
    const FindOutcome outcome = find(rim_of(other));
    ASSERT_TRUE(outcome.found);
    EXPECT_THAT(outcome.found->changes,
                ElementsAre(IsChange("machine.memory", "512M", "1G"),
                            IsChange("boot.initrd", spec_.boot.initrd->native(), ""),
                            IsChange("realm.sve_vl", "0", "256")));
    EXPECT_EQ(outcome.changes, 3U);
}

TEST_F(FindTest, HashThatTheProfileCannotSet_NamesOneThatCan) {
    RealmSpec other = spec_;
    other.realm->hash = measure::Hash::kSha512;
    spec_.realm->profile = "rmm-2.0/tf-rmm + kvm-v14";
    const FindOutcome outcome = find(rim_of(other));
    ASSERT_TRUE(outcome.found);
    EXPECT_THAT(outcome.found->changes,
                ElementsAre(IsChange("realm.hash", "sha256", "sha512"),
                            IsChange("realm.profile", spec_.realm->profile, "emulated")));
    EXPECT_EQ(outcome.tried, 1U);
}

TEST_F(FindTest, RimOfNothing_IsNotFoundAndCandidatesAreCounted) {
    const Digest nothing(measure::Hash::kSha256);
    const FindOutcome all =
        find(nothing, {.wishes = {.vary = {"machine.vcpus=1-3", "machine.memory=512M-2G"},
                                  .only = {"boot.initrd"},
                                  .cmdlines = {"quiet"}}});
    EXPECT_FALSE(all.found);
    EXPECT_EQ(all.tried, 3U * 3U * 2U * 2U);
    EXPECT_EQ(all.changes, 4U);
    EXPECT_EQ(all.next_round, 0U);
    const FindOutcome some =
        find(nothing, {.wishes = {.vary = {"machine.vcpus=1-3", "machine.memory=512M-2G"},
                                  .only = {"boot.initrd"},
                                  .cmdlines = {"quiet"}},
                       .changes = 1});
    EXPECT_EQ(some.tried, 1U + 2U + 2U + 1U + 1U);
    EXPECT_EQ(some.next_round, 13U);  // pairs of (2, 2, 1, 1)
}

TEST_F(FindTest, WhatNoConfigCanSay_IsNotCounted) {
    // 32 bits leave 2 GiB of protected addresses, all below RAM; 33 leave room for 2 GiB.
    const FindOutcome outcome =
        find(Digest(measure::Hash::kSha256),
             {.wishes = {.vary = {"realm.ipa_bits=32,33", "machine.memory=2G,4G"},
                         .only = {},
                         .cmdlines = {}},
              .changes = 0});
    EXPECT_EQ(outcome.tried, 1U);
    const FindOutcome bounded =
        find(Digest(measure::Hash::kSha256),
             {.wishes = {.vary = {"realm.ipa_bits=32,33", "machine.memory=2G,4G"},
                         .only = {"realm.ipa_bits"},
                         .cmdlines = {}}});
    EXPECT_EQ(bounded.tried, 3U + 2U);  // 40 bits with any memory; 33 with 512M and 2G
}

TEST_F(FindTest, CommonPrefix_IsComputedOnce) {
    spec_.boot.kernel = dir_.write(
        "kernel", test::ImageBuilder{.image_size = 800 * 4096, .size = 800 * 4096}.build());
    const FindOutcome outcome =
        find(Digest(measure::Hash::kSha256),
             {.wishes = {.vary = {}, .only = {"boot.cmdline"}, .cmdlines = {"a", "b", "c"}},
              .threads = 3});
    EXPECT_EQ(outcome.tried, 4U);
    // Kernel, initrd; an FDT and a REC each. In the second round the kernel is known already.
    EXPECT_EQ(outcome.steps, 800U + 3U + 2U + 3U + 3U * 2U);
    RealmSpec other = spec_;
    other.boot.cmdline = "c";
    EXPECT_TRUE(
        find(rim_of(other), {.wishes = {.vary = {}, .only = {}, .cmdlines = {"a", "c"}}}).found);
}

/// Random candidates, in batches: each is found among the others by the RIM of its own fold.
TEST_F(FindTest, SharedPrefixes_GiveTheRimsOfSeparateFolds) {
    const Axes varied = axes({.vary = {"machine.memory=64M-2G,66M,130M", "machine.vcpus=1-5"},
                              .only = {"realm.profile", "realm.ipa_bits", "realm.sve_vl",
                                       "realm.pmu_counters", "realm.breakpoints", "boot.initrd"},
                              .cmdlines = {"quiet", std::string(2000, 'x'), ""}});
    KnownRims known;
    auto chains = CandidateChains::create(spec_, varied, ProfileTable::built_in(), 2);
    ASSERT_TRUE(chains);
    std::mt19937 random(1);
    std::size_t compared = 0;
    for (int batch = 0; batch < 8; ++batch) {
        std::vector<Candidate> candidates(40);
        for (Candidate& candidate : candidates)
            for (std::size_t axis = 0; axis < kAxisCount; ++axis)
                if (random() % 2 != 0)
                    candidate[axis] =
                        static_cast<std::uint32_t>(random() % varied.size(static_cast<Axis>(axis)));
        auto made = chains->make(candidates);
        ASSERT_TRUE(made) << made.error().message();
        std::size_t possible = 0;
        for (const Candidate& candidate : candidates) {
            const auto spec = spec_of(varied, candidate);
            if (!spec) continue;
            ++possible;
            std::atomic<std::uint64_t> steps = 0;
            const auto found = search_chains(
                {.starts = chains->starts(),
                 .content = [&](const ExtensionRun& run, std::uint64_t index) -> const Digest& {
                     return chains->content(run, index);
                 },
                 .wanted = rim_of(*spec),
                 .hash = measure::Hash::kSha256,
                 .threads = 1 + static_cast<unsigned>(batch % 3),
                 .lasting = CandidateChains::kImages,
                 .known = known,
                 .steps = steps},
                *made);
            ASSERT_TRUE(found && *found);
            EXPECT_EQ(rim_of(*spec_of(varied, candidates[**found])), rim_of(*spec));
            ++compared;
        }
        EXPECT_EQ(made->size(), possible);
    }
    EXPECT_GT(compared, 200U);
}

TEST_F(FindTest, WrongWishes_AreRefusedWithTheNearestKey) {
    const auto vary = [&](const char* wish) {
        return error_of({.vary = {wish}, .only = {}, .cmdlines = {}});
    };
    EXPECT_THAT(vary("machine.vcpu=2"),
                HasSubstr("unknown key machine.vcpu; did you mean machine.vcpus?"));
    EXPECT_THAT(vary("vcpus=2"), HasSubstr("machine.vcpus"));
    EXPECT_THAT(vary("machine.vcpus"), HasSubstr("expected KEY=V1,V2,A-B"));
    EXPECT_THAT(vary("machine.vcpus=513"),
                HasSubstr("from 1 to 512, or a range A-B of them, not \"513\""));
    EXPECT_THAT(vary("machine.vcpus=4-2"), HasSubstr("not \"4-2\""));
    EXPECT_THAT(vary("machine.vcpus=1,,2"), HasSubstr("not \"\""));
    EXPECT_THAT(vary("machine.memory=1000"), HasSubstr("in steps of 2M"));
    EXPECT_THAT(vary("realm.sve_vl=100"), HasSubstr("in steps of 128"));
    EXPECT_THAT(vary("realm.profile=kvm-v99"), HasSubstr("did you mean"));
    EXPECT_THAT(vary("realm.hash=sha512"), HasSubstr("follows from the length of the RIM"));
    EXPECT_THAT(vary("boot.kernel=x"), HasSubstr("boot.kernel does not vary"));
    EXPECT_THAT(vary("boot.cmdline=x"), HasSubstr("--try"));
    EXPECT_THAT(vary("boot.initrd=x"), HasSubstr("left out"));
    EXPECT_THAT(error_of({.vary = {}, .only = {"realm.ipa_bit"}, .cmdlines = {}}),
                HasSubstr("did you mean realm.ipa_bits?"));
    EXPECT_THAT(error_of({.vary = {}, .only = {}, .cmdlines = {std::string(2048, 'x')}}),
                HasSubstr("up to 2047 bytes"));
}

TEST_F(FindTest, ImageThatIsNotThere_IsAnError) {
    spec_.boot.kernel = dir_.path() / "nowhere";
    const auto outcome = find_rim(spec_, Digest(measure::Hash::kSha256));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().stage(), Stage::kImage);
}

TEST_F(FindTest, OrdinaryVm_HasNoRim) {
    spec_.realm.reset();
    EXPECT_FALSE(find_rim(spec_, Digest(measure::Hash::kSha256)));
}

}  // namespace
}  // namespace rvmm::realm
