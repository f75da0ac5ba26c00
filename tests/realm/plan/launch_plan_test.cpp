#include "realm/plan/launch_plan.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <gtest/gtest.h>

#include "measure/rim.hpp"
#include "realm/image_builder.hpp"
#include "realm/plan/fold.hpp"

namespace rvmm::realm {
namespace {

class LaunchPlanTest : public ::testing::Test {
  protected:
    LaunchPlanTest() : spec_(test::realm_spec(64ULL << 20, 3)) {
        spec_.boot.kernel = dir_.write("kernel", test::ImageBuilder{}.build());
        spec_.boot.initrd = dir_.write("initrd", Bytes(9000, std::byte{0x5a}));
        spec_.boot.cmdline = "console=ttyS0";
    }
    LaunchPlan plan() const {
        auto made = LaunchPlan::create(spec_);
        if (!made) throw std::runtime_error(made.error().message());
        return *std::move(made);
    }
    std::string rim() const {
        const auto folded = fold_rim(plan());
        return folded ? to_hex(*folded) : folded.error().message();
    }
    void set_byte(const char* name, std::streamoff offset, char value) {
        std::fstream file(dir_.path() / name, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(offset);
        file.put(value);
    }
    test::TempDir dir_;
    RealmSpec spec_;
};

TEST_F(LaunchPlanTest, Realm_HasTheStepsOfKvmV14) {
    const LaunchPlan made = plan();
    ASSERT_EQ(made.steps().size(), 3U + 3U + 2U);
    Ipa last{0};
    for (std::size_t i = 0; i < 3; ++i) {
        const auto& step = std::get<PopulateStep>(made.steps()[i]);
        EXPECT_TRUE(step.measured);
        EXPECT_GT(made.layout().blobs[step.blob].base, last);
        last = made.layout().blobs[step.blob].base;
    }
    for (std::uint32_t i = 0; i < 3; ++i) {
        const auto& rec = std::get<CreateRecStep>(made.steps()[3 + i]);
        EXPECT_EQ(rec.index, i);
        EXPECT_EQ(rec.mpidr, i);
        EXPECT_EQ(rec.runnable, i == 0);
        EXPECT_EQ(rec.pc, i == 0 ? made.layout().entry.value : 0U);
        EXPECT_EQ(rec.gprs[0], i == 0 ? made.layout().fdt.value : 0U);
    }
    EXPECT_EQ(std::get<InitRipasStep>(made.steps()[6]).range, made.board().ram);
    EXPECT_TRUE(std::holds_alternative<ActivateStep>(made.steps()[7]));
    EXPECT_EQ(made.profile()->name, "rmm-2.0/tf-rmm + kvm-v14");
}

TEST_F(LaunchPlanTest, OrdinaryVm_IsLoadedAndNotMeasured) {
    spec_.realm.reset();
    const LaunchPlan made = plan();
    ASSERT_EQ(made.steps().size(), 3U + 3U);
    EXPECT_FALSE(std::get<PopulateStep>(made.steps()[0]).measured);
    EXPECT_EQ(made.profile(), nullptr);
    EXPECT_FALSE(fold_rim(made));
}

TEST_F(LaunchPlanTest, SameSpec_GivesTheSameBytesAndRim) {
    const LaunchPlan a = plan();
    const LaunchPlan b = plan();
    ASSERT_EQ(a.layout().blobs.size(), b.layout().blobs.size());
    for (std::size_t i = 0; i < a.layout().blobs.size(); ++i) {
        EXPECT_EQ(a.layout().blobs[i].base, b.layout().blobs[i].base);
        EXPECT_TRUE(std::ranges::equal(a.layout().blobs[i].bytes(), b.layout().blobs[i].bytes()));
    }
    EXPECT_EQ(rim(), rim());
}

TEST_F(LaunchPlanTest, FileThatChangesAfterwards_MakesNoDifferenceToThePlan) {
    const LaunchPlan made = plan();
    const auto before = fold_rim(made);
    set_byte("kernel", 100, 'X');
    const auto after = fold_rim(made);
    ASSERT_TRUE(before && after);
    EXPECT_EQ(*before, *after);
}

TEST_F(LaunchPlanTest, AnyChangedByte_ChangesTheRim) {
    const std::string first = rim();
    set_byte("kernel", 4999, 'X');
    const std::string second = rim();
    EXPECT_NE(second, first);
    set_byte("initrd", 8999, 'X');
    const std::string third = rim();
    EXPECT_NE(third, second);
    spec_.boot.cmdline += " quiet";
    EXPECT_NE(rim(), third);
}

TEST_F(LaunchPlanTest, EachMeasuredParameter_ChangesTheRim) {
    spec_.realm->profile = "emulated";
    const std::string first = rim();
    const auto changed = [&](auto change) {
        const RealmSpec kept = spec_;
        change(*spec_.realm);
        const std::string result = rim();
        spec_ = kept;
        return result != first;
    };
    EXPECT_TRUE(changed([](RealmParameters& p) { p.ipa_bits = 41; }));
    EXPECT_TRUE(changed([](RealmParameters& p) { p.sve_vl = 128; }));
    EXPECT_TRUE(changed([](RealmParameters& p) { p.pmu_counters = 1; }));
    EXPECT_TRUE(changed([](RealmParameters& p) { p.breakpoints = 5; }));
    EXPECT_TRUE(changed([](RealmParameters& p) { p.watchpoints = 5; }));
    EXPECT_TRUE(changed([](RealmParameters& p) { p.hash = measure::Hash::kSha384; }));
    EXPECT_FALSE(changed([](RealmParameters& p) { p.personalization.fill(std::byte{9}); }));
    EXPECT_FALSE(changed([](RealmParameters& p) { p.profile = "rmm-2.0/tf-rmm + kvm-v14"; }));
}

// The fold against the same calls written out by hand.
TEST_F(LaunchPlanTest, FoldRim_IsTheSequenceOfRmiCalls) {
    spec_.realm->sve_vl = 256;
    const LaunchPlan made = plan();
    rmi::RealmParams params;
    store_le<std::uint64_t>(params.mutable_bytes().subspan(0x00), 2);   // SVE
    store_le<std::uint32_t>(params.mutable_bytes().subspan(0x08), 40);  // s2sz
    store_le<std::uint32_t>(params.mutable_bytes().subspan(0x10), 1);   // VQ - 1
    store_le<std::uint32_t>(params.mutable_bytes().subspan(0x18), 5);
    store_le<std::uint32_t>(params.mutable_bytes().subspan(0x20), 3);
    measure::RimExtender rim(measure::Rule::kRmm2TfRmm, measure::Hash::kSha256);
    ASSERT_TRUE(rim.realm_create(params));
    for (const Blob& blob : made.layout().blobs)
        for (std::size_t at = 0; at < blob.bytes().size(); at += 4096)
            ASSERT_TRUE(rim.data(blob.base + at, blob.bytes().subspan(at, 4096)));
    rmi::RecParams rec;
    store_le<std::uint64_t>(rec.mutable_bytes().subspan(0x000), 1);
    store_le<std::uint64_t>(rec.mutable_bytes().subspan(0x200), 0x8000'0000);
    store_le<std::uint64_t>(rec.mutable_bytes().subspan(0x300), 0x83e0'0000);
    ASSERT_TRUE(rim.rec(rec));
    EXPECT_EQ(to_hex(*fold_rim(made)), to_hex(rim.rim()));
}

TEST_F(LaunchPlanTest, BadSpecs_AreRefused) {
    spec_.realm->profile = "kvm";
    EXPECT_EQ(LaunchPlan::create(spec_).error().message(),
              "realm.profile: there is no profile \"kvm\" (rvmm profiles lists them)");
    spec_.realm = RealmParameters{.ipa_bits = 32};
    EXPECT_EQ(LaunchPlan::create(spec_).error().stage(), Stage::kConfig);
    spec_.realm = RealmParameters{.hash = measure::Hash::kSha512};
    EXPECT_EQ(LaunchPlan::create(spec_).error().stage(), Stage::kConfig);
    spec_.realm = RealmParameters{};
    spec_.boot.kernel = dir_.path() / "missing";
    EXPECT_EQ(LaunchPlan::create(spec_).error().stage(), Stage::kImage);
}

}  // namespace
}  // namespace rvmm::realm
