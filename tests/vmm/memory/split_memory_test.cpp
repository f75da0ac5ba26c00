#include "vmm/memory/split_memory.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

using realm::Ripas;

constexpr Ipa kBase{0x8000'0000};
constexpr std::uint64_t kSharedBit = 1ULL << 39;
constexpr std::uint64_t kPage = 4096;

std::size_t mappings_of_this_process() {
    std::ifstream maps("/proc/self/maps");
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

class Split : public ::testing::Test {
  protected:
    void make(std::uint64_t size, std::size_t limit) {
        auto made = SplitMemory::create(*IpaRange::make(kBase, size), kSharedBit, limit);
        ASSERT_TRUE(made) << made.error().message();
        memory = std::move(*made);
        const auto slots = memory->slots();
        trusted = static_cast<std::byte*>(slots[0].host);
        open = static_cast<std::byte*>(slots[1].host);
    }
    IpaRange pages(std::uint64_t first, std::uint64_t count) const {
        return *IpaRange::make(kBase + first * kPage, count * kPage);
    }
    void convert(std::uint64_t first, std::uint64_t count, Ripas to) {
        const auto done = memory->convert(pages(first, count), to);
        ASSERT_TRUE(done) << done.error().message();
    }
    std::unique_ptr<SplitMemory> memory;
    std::byte* trusted = nullptr;  // what the guest sees at the plain address
    std::byte* open = nullptr;     // what it sees at the alias
};

TEST_F(Split, PrivateContent_NeverShowsOnTheSharedSide) {
    make(16 * kPage, 100);
    trusted[kPage] = std::byte{0x5a};
    convert(1, 1, Ripas::kEmpty);
    EXPECT_EQ(open[kPage], std::byte{0});
    EXPECT_EQ(trusted[kPage], std::byte{0}) << "the plain address shows the shared page";
    open[kPage] = std::byte{0x77};
    EXPECT_EQ(trusted[kPage], std::byte{0x77}) << "as the kernel needs it for ITS tables";
    convert(1, 1, Ripas::kRam);
    EXPECT_EQ(trusted[kPage], std::byte{0});
    convert(1, 1, Ripas::kEmpty);
    EXPECT_EQ(open[kPage], std::byte{0});
}

TEST_F(Split, SameState_ChangesNothing) {
    make(16 * kPage, 100);
    trusted[0] = std::byte{1};
    convert(0, 16, Ripas::kRam);
    EXPECT_EQ(trusted[0], std::byte{1});
    convert(0, 4, Ripas::kEmpty);
    open[kPage] = std::byte{2};
    convert(1, 1, Ripas::kEmpty);
    EXPECT_EQ(open[kPage], std::byte{2});
    EXPECT_EQ(memory->counters().conversions, 1u);
    EXPECT_EQ(memory->counters().converted_bytes, 4 * kPage);
}

TEST_F(Split, Views_ReachOnlyTheirHalf) {
    make(16 * kPage, 100);
    convert(2, 2, Ripas::kEmpty);
    std::array<std::byte, 8> data{};
    auto& shared = memory->shared();
    auto& trusted_view = memory->trusted();
    EXPECT_TRUE(shared.read(kBase + 2 * kPage, data));
    EXPECT_TRUE(shared.write(Ipa{(kBase + 3 * kPage).value | kSharedBit}, data));
    for (const Ipa bad :
         {kBase, kBase + 4 * kPage, kBase + (4 * kPage - 4), kBase + (2 * kPage - 4),
          kBase + 16 * kPage, kBase + (16 * kPage - 4), Ipa{UINT64_MAX - 3}, Ipa{0}}) {
        const auto read = shared.read(bad, data);
        ASSERT_FALSE(read) << std::hex << bad.value;
        EXPECT_EQ(read.error().stage(), Stage::kGuest);
        EXPECT_FALSE(shared.write(bad, data));
    }
    EXPECT_TRUE(trusted_view.read(kBase, data));
    EXPECT_FALSE(trusted_view.read(kBase + 2 * kPage, data));
    EXPECT_FALSE(trusted_view.write(kBase + (2 * kPage - 4), data));
    EXPECT_FALSE(trusted_view.read(Ipa{kBase.value | kSharedBit}, data));
    EXPECT_GT(memory->counters().refused_accesses, 0u);
}

TEST_F(Split, Load_OnlyBeforeTheSeal) {
    make(16 * kPage, 100);
    const Bytes page(kPage, std::byte{9});
    EXPECT_TRUE(memory->load(kBase, page));
    EXPECT_EQ(trusted[10], std::byte{9});
    EXPECT_FALSE(memory->load(kBase + 16 * kPage, page));
    memory->seal();
    const auto late = memory->load(kBase, page);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().stage(), Stage::kInternal);
}

TEST_F(Split, AlternatePages_StayWithinTheMappingBound) {
    constexpr std::uint64_t kPages = (512ULL << 20) / kPage;
    make(kPages * kPage, SplitMemory::default_run_limit());
    const std::size_t before = mappings_of_this_process();
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        trusted[2 * i * kPage] = std::byte{0x11};
        convert(2 * i, 1, Ripas::kEmpty);
        ASSERT_EQ(open[2 * i * kPage], std::byte{0});
        ASSERT_EQ(trusted[2 * i * kPage], std::byte{0});
        open[2 * i * kPage] = std::byte{0x22};
    }
    EXPECT_LE(mappings_of_this_process() - before, 2 * SplitMemory::default_run_limit() + 16);
    EXPECT_EQ(memory->counters().mapped_runs, SplitMemory::default_run_limit());
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        convert(2 * i, 1, Ripas::kRam);
        ASSERT_EQ(trusted[2 * i * kPage], std::byte{0});
    }
    EXPECT_EQ(memory->counters().mapped_runs, 0u);
    EXPECT_LE(mappings_of_this_process(), before + 16);
}

TEST_F(Split, ManyHolesInOneBigRun_StayWithinTheBound) {
    constexpr std::uint64_t kPages = 4096;
    make(kPages * kPage, 64);
    convert(0, kPages, Ripas::kEmpty);
    for (std::uint64_t i = 0; i < kPages; i += 2) {
        convert(i, 1, Ripas::kRam);
        ASSERT_LE(memory->counters().mapped_runs, 64u);
        ASSERT_EQ(trusted[i * kPage], std::byte{0});
    }
    EXPECT_GT(memory->counters().mapped_runs, 0u);
}

TEST_F(Split, WholeMemory_HundredTimes) {
    make(64ULL << 20, 1000);
    for (int round = 0; round < 100; ++round) {
        trusted[12345] = std::byte{0x33};
        convert(0, (64ULL << 20) / kPage, Ripas::kEmpty);
        ASSERT_EQ(open[12345], std::byte{0});
        open[54321] = std::byte{0x44};
        convert(0, (64ULL << 20) / kPage, Ripas::kRam);
        ASSERT_EQ(trusted[54321], std::byte{0});
    }
    EXPECT_EQ(memory->counters().conversions, 200u);
}

// Any sequence of conversions gives the same as a table with one entry a page, and no page shows
// what the other side had.
TEST_F(Split, RandomConversions_MatchAPagewiseModel) {
    constexpr std::uint64_t kPages = 64;
    std::mt19937 random(20261120);
    for (const std::size_t limit : {0u, 1u, 3u, 100u}) {
        make(kPages * kPage, limit);
        std::array<bool, kPages> shared{};
        for (int step = 0; step < 400; ++step) {
            const std::uint64_t first = random() % kPages;
            const std::uint64_t count = 1 + random() % (kPages - first);
            const bool share = random() % 2 == 0;
            for (std::uint64_t i = 0; i < kPages; ++i)
                (shared[i] ? open : trusted)[i * kPage] =
                    static_cast<std::byte>(shared[i] ? 0x80 + i : 1 + i);
            convert(first, count, share ? Ripas::kEmpty : Ripas::kRam);
            for (std::uint64_t i = 0; i < kPages; ++i) {
                const bool asked = i >= first && i < first + count;
                const bool changed = asked && shared[i] != share;
                if (asked) shared[i] = share;
                const auto now = (shared[i] ? open : trusted)[i * kPage];
                const auto kept = static_cast<std::byte>(shared[i] ? 0x80 + i : 1 + i);
                ASSERT_EQ(now, changed ? std::byte{0} : kept) << "page " << i << " step " << step;
            }
            ASSERT_LE(memory->counters().mapped_runs, limit);
        }
    }
}

TEST_F(Split, Conversion_OutsideRamIsRefused) {
    make(16 * kPage, 100);
    EXPECT_FALSE(memory->convert(pages(15, 2), Ripas::kEmpty));
    EXPECT_FALSE(memory->convert(*IpaRange::make(kBase + 1, kPage), Ripas::kEmpty));
}

}  // namespace
}  // namespace rvmm::vmm
