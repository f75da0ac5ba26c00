#include "realm/plan/fold.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

#include "measure/rim.hpp"
#include "realm/image_builder.hpp"
#include "realm/plan/ripas_entries.hpp"

namespace rvmm::realm {
namespace {

class FoldTest : public ::testing::Test {
  protected:
    FoldTest() : spec_(test::realm_spec(64ULL << 20, 2)) {
        spec_.boot.kernel = dir_.write("kernel", noise(700'000, 1));
        spec_.boot.initrd = dir_.write("initrd", noise(300'001, 2));
    }
    // A flat binary: any bytes will do.
    static Bytes noise(std::size_t size, unsigned seed) {
        std::mt19937 random(seed);
        Bytes bytes(size);
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
        return bytes;
    }
    LaunchPlan plan(Reading reading = Reading::kOwn) const {
        auto made = LaunchPlan::create(spec_, {.reading = reading});
        if (!made) throw std::runtime_error(made.error().message());
        return *std::move(made);
    }
    std::string rim(unsigned threads = 0, Reading reading = Reading::kOwn) const {
        FoldOptions options;
        options.threads = threads;
        const LaunchPlan made = plan(reading);
        const auto folded = fold(made, options);
        return folded ? to_hex(folded->rim) : folded.error().message();
    }
    test::TempDir dir_;
    RealmSpec spec_;
};

TEST_F(FoldTest, ThreadsAndReading_MakeNoDifference) {
    const std::string expected = rim(1);
    for (const unsigned threads : {0U, 2U, 5U})
        for (const Reading reading : {Reading::kOwn, Reading::kMap})
            EXPECT_EQ(rim(threads, reading), expected);
}

TEST_F(FoldTest, Extensions_ChainFromZeroToTheRim) {
    for (const Profile& profile : ProfileTable::built_in().rows()) {
        spec_.realm->profile = profile.name;
        const LaunchPlan made = plan();
        std::vector<Extension> seen;
        FoldOptions options;
        options.log = [&](const Extension& extension) -> Result<> {
            seen.push_back(extension);
            return {};
        };
        const auto folded = fold(made, options);
        ASSERT_TRUE(folded);
        measure::Digest rim(spec_.realm->hash);
        std::uint64_t counted = 0;
        for (const FoldedStep& step : folded->steps) counted += step.extensions;
        EXPECT_EQ(seen.size(), counted) << profile.name;
        for (const Extension& extension : seen) {
            EXPECT_EQ(extension.before, rim);
            rim = extension.after;
        }
        EXPECT_EQ(folded->rim, rim);
        EXPECT_EQ(folded->steps.back().rim, rim);
    }
}

// The two hosts of RMM 1.0 differ in their order, and in which RIPAS entries are left.
TEST_F(FoldTest, Rmm1_MeasuresRipasInTheHostsOrder) {
    const auto kinds_of = [&](const char* profile) {
        spec_.realm->profile = profile;
        const LaunchPlan made = plan();
        std::vector<ExtensionKind> kinds;
        FoldOptions options;
        options.log = [&](const Extension& extension) -> Result<> {
            if (kinds.empty() || kinds.back() != extension.kind) kinds.push_back(extension.kind);
            return {};
        };
        EXPECT_TRUE(fold(made, options));
        return kinds;
    };
    EXPECT_EQ(kinds_of("kvm-v10"), (std::vector{ExtensionKind::kCreate, ExtensionKind::kRipas,
                                                ExtensionKind::kData, ExtensionKind::kRec}));
    EXPECT_EQ(kinds_of("kvm-v12"), (std::vector{ExtensionKind::kCreate, ExtensionKind::kData,
                                                ExtensionKind::kRec, ExtensionKind::kRipas}));
    EXPECT_EQ(kinds_of("kvm-v14"),
              (std::vector{ExtensionKind::kCreate, ExtensionKind::kData, ExtensionKind::kRec}));
}

TEST_F(FoldTest, Rmm1Gaps_CoverWhatPopulationLeaves) {
    spec_.realm->profile = "kvm-v12";
    const LaunchPlan made = plan();
    std::uint64_t covered = 0;
    FoldOptions options;
    options.log = [&](const Extension& extension) -> Result<> {
        if (extension.kind == ExtensionKind::kData || extension.kind == ExtensionKind::kRipas)
            covered += extension.range.size();
        return {};
    };
    ASSERT_TRUE(fold(made, options));
    EXPECT_EQ(covered, spec_.machine.memory);
}

TEST_F(FoldTest, SpecRule_LeavesTheParametersOut) {
    spec_.realm->profile = "rmm-2.0/spec + kvm-v14";
    const std::string first = rim();
    spec_.realm->ipa_bits = 41;
    spec_.realm->breakpoints = 2;
    EXPECT_EQ(rim(), first);
    spec_.realm->profile = "rmm-2.0/tf-rmm + kvm-v14";
    EXPECT_NE(rim(), first);
}

TEST_F(FoldTest, LargerGranule_IsOneExtensionEach) {
    spec_.realm->profile = "rmm-2.0/tf-rmm + kvm-v14 + 64k";
    const LaunchPlan made = plan();
    const auto folded = fold(made);
    ASSERT_TRUE(folded);
    EXPECT_EQ(folded->steps[1].extensions, (700'000U + 65535U) / 65536U);
    measure::RimExtender rim(measure::Rule::kRmm2TfRmm, measure::Hash::kSha256);
    ASSERT_TRUE(rim.realm_create(realm_params(made)));
    for (const Blob& blob : made.layout().blobs) {
        EXPECT_TRUE(is_aligned(blob.base.value, 65536));
        for (std::uint64_t at = 0; at < blob.bytes().size(); at += 65536)
            ASSERT_TRUE(rim.data(blob.base + at, blob.bytes().subspan(at, 65536)));
    }
    ASSERT_TRUE(rim.rec(rec_params(std::get<CreateRecStep>(made.steps()[3]))));
    EXPECT_EQ(folded->rim, rim.rim());
}

TEST_F(FoldTest, AnyByteOfAnyBlob_Counts) {
    const std::string first = rim();
    std::mt19937 random(7);
    for (const char* name : {"kernel", "initrd"})
        for (int i = 0; i < 20; ++i) {
            Bytes bytes = noise(name[0] == 'k' ? 700'000 : 300'001, name[0] == 'k' ? 1 : 2);
            bytes[random() % bytes.size()] ^= std::byte{1};
            dir_.write(name, bytes);
            EXPECT_NE(rim(), first) << name;
            dir_.write(name, noise(name[0] == 'k' ? 700'000 : 300'001, name[0] == 'k' ? 1 : 2));
        }
    EXPECT_EQ(rim(), first);
}

// A further vCPU that cannot run at the start changes the RIM through the FDT alone.
TEST_F(FoldTest, FurtherVcpu_ChangesTheFdtAlone) {
    const auto digests = [&] {
        std::vector<measure::Digest> contents;
        std::size_t recs = 0;
        const LaunchPlan made = plan();
        const auto folded = fold(made);
        for (const FoldedStep& step : folded->steps) {
            if (step.kind == ExtensionKind::kData && step.blob->kind != Blob::Kind::kFdt)
                contents.push_back(step.content);
            if (step.kind == ExtensionKind::kRec) recs += step.extensions;
        }
        EXPECT_EQ(recs, 1U);
        return contents;
    };
    const auto first = digests();
    const std::string first_rim = rim();
    spec_.machine.vcpus = 3;
    EXPECT_EQ(digests(), first);
    EXPECT_NE(rim(), first_rim);

    // The same FDT with another number of RECs: the same RIM.
    const LaunchPlan two = plan();
    Board board = two.board();
    board.cpus.push_back({.mpidr = mpidr_of(3)});
    GuestLayout layout{.blobs = {}, .entry = two.layout().entry, .fdt = two.layout().fdt};
    for (const Blob& blob : two.layout().blobs)
        layout.blobs.push_back({blob.kind, blob.source, blob.base,
                                *Contents::copy(blob.contents.source()), blob.granule});
    const LaunchPlan more =
        LaunchPlan::of_layout(spec_, *two.profile(), std::move(board), std::move(layout));
    EXPECT_EQ(*fold_rim(more), *fold_rim(two));
}

TEST_F(FoldTest, OrderOfPages_Matters) {
    const LaunchPlan made = plan();
    GuestLayout layout{.blobs = {}, .entry = made.layout().entry, .fdt = made.layout().fdt};
    for (std::size_t i = made.layout().blobs.size(); i-- > 0;) {
        const Blob& blob = made.layout().blobs[i];
        layout.blobs.push_back({blob.kind, blob.source, blob.base,
                                *Contents::copy(blob.contents.source()), blob.granule});
    }
    const LaunchPlan reversed =
        LaunchPlan::of_layout(spec_, *made.profile(), made.board(), std::move(layout));
    EXPECT_NE(*fold_rim(reversed), *fold_rim(made));
}

TEST_F(FoldTest, FileThatChangesUnderAMappedPlan_IsAnError) {
    const LaunchPlan made = plan(Reading::kMap);
    dir_.write("initrd", noise(300'001, 3));
    const auto folded = fold(made);
    ASSERT_FALSE(folded);
    EXPECT_EQ(folded.error().stage(), Stage::kImage);
}

TEST_F(FoldTest, ErrorOfTheLog_EndsIt) {
    const LaunchPlan made = plan();
    FoldOptions options;
    int calls = 0;
    options.log = [&](const Extension&) -> Result<> {
        if (++calls == 100) return fail(Stage::kLaunch, "disk full");
        return {};
    };
    const auto folded = fold(made, options);
    ASSERT_FALSE(folded);
    EXPECT_EQ(folded.error().message(), "disk full");
    EXPECT_EQ(calls, 100);
}

TEST_F(FoldTest, Progress_EndsAtTheTotal) {
    const LaunchPlan made = plan();
    std::uint64_t total = 0, last = 0;
    FoldOptions options;
    options.progress = [&](std::uint64_t done, std::uint64_t all) {
        last = done;
        total = all;
    };
    ASSERT_TRUE(fold(made, options));
    std::uint64_t bytes = 0;
    for (const Blob& blob : made.layout().blobs) bytes += blob.bytes().size();
    EXPECT_EQ(last, bytes);
    EXPECT_EQ(total, bytes);
}

}  // namespace
}  // namespace rvmm::realm
