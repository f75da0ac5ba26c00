#include "vmm/memory/lease_table.hpp"

#include <array>
#include <atomic>
#include <optional>
#include <random>
#include <thread>

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

using devices::Access;
using devices::Lease;
using namespace std::chrono_literals;

constexpr Ipa kLeasedBase{0x8000'0000};
constexpr std::uint64_t kGranule = 4096;

IpaRange pages(std::uint64_t first, std::uint64_t count) {
    return *IpaRange::make(kLeasedBase + first * kGranule, count * kGranule);
}

class Leases : public ::testing::Test {
  protected:
    Result<Lease> take(std::uint64_t first, std::uint64_t count = 1,
                       std::string_view holder = "disk0") {
        return table.take(pages(first, count), memory.data() + first * kGranule, Access::kWrite,
                          holder);
    }
    std::array<std::byte, 8 * kGranule> memory{};
    LeaseTable table{10s};
};

TEST_F(Leases, Lease_IsItsBytesAndEndsOnce) {
    auto lease = take(1, 2);
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->bytes().data(), memory.data() + kGranule);
    EXPECT_EQ(lease->bytes().size(), 2 * kGranule);
    EXPECT_EQ(table.lease_count(), 1u);
    Lease moved = *std::move(lease);
    EXPECT_EQ(table.lease_count(), 1u);
    moved = Lease();
    EXPECT_EQ(table.lease_count(), 0u);
    EXPECT_TRUE(moved.bytes().empty());
}

TEST_F(Leases, SamePagesTwice_AreTwoLeases) {
    auto first = take(0);
    const auto second = take(0);
    ASSERT_TRUE(first && second);
    *first = Lease();
    EXPECT_EQ(table.lease_count(), 1u);
}

TEST_F(Leases, Exclusion_RefusesItsRangeAlone) {
    {
        const auto exclusion = table.exclude(pages(2, 2));
        ASSERT_TRUE(exclusion);
        const auto refused = take(1, 2);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().stage(), Stage::kGuest);
        EXPECT_FALSE(take(3));
        EXPECT_TRUE(take(1));
        EXPECT_TRUE(take(4));
    }
    EXPECT_TRUE(take(3));
}

TEST_F(Leases, OverlappingExclusions_LastOneCounts) {
    std::optional<LeaseTable::Exclusion> outer = *table.exclude(pages(0, 4));
    {
        const auto inner = table.exclude(pages(2, 4));
        ASSERT_TRUE(inner);
        outer.reset();
        EXPECT_TRUE(take(0));
        EXPECT_FALSE(take(2));
    }
    EXPECT_TRUE(take(2));
}

TEST_F(Leases, LeaseElsewhere_IsNotWaitedFor) {
    const auto lease = take(0);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(table.exclude(pages(1, 7)));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST_F(Leases, Exclusion_WaitsForTheLeaseAndRefusesNewOnes) {
    auto lease = take(2);
    ASSERT_TRUE(lease);
    std::atomic<bool> excluded = false;
    std::thread conversion([&] {
        const auto exclusion = table.exclude(pages(0, 4));
        EXPECT_TRUE(exclusion);
        excluded = true;
        EXPECT_EQ(lease->bytes().size(), 0u) << "it ended before";
    });
    while (take(3)) std::this_thread::yield();  // until the conversion waits
    EXPECT_FALSE(take(2)) << "the page in use is not given out again either";
    EXPECT_TRUE(take(4));
    std::this_thread::sleep_for(20ms);
    EXPECT_FALSE(excluded);
    *lease = Lease();
    conversion.join();
    EXPECT_TRUE(excluded);
    EXPECT_TRUE(take(2));
}

TEST_F(Leases, StopWaiting_EndsAWaitWithoutTheLease) {
    const auto lease = take(0);
    std::thread conversion([&] { EXPECT_FALSE(table.exclude(pages(0, 1))); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    table.stop_waiting();
    conversion.join();
    EXPECT_FALSE(table.exclude(pages(0, 1))) << "and nobody waits any more";
    EXPECT_TRUE(table.exclude(pages(1, 1)));
}

TEST(LeasesInAHurry, LeaseThatStays_IsAnErrorThatNamesItsHolder) {
    LeaseTable table(30ms);
    std::byte memory{};
    auto lease =
        table.take(*IpaRange::make(Ipa{0x8000'2010}, 1), &memory, Access::kRead, "virtio-net");
    ASSERT_TRUE(lease);
    const auto exclusion = table.exclude(*IpaRange::make(Ipa{0x8000'2000}, kGranule));
    ASSERT_FALSE(exclusion);
    EXPECT_EQ(exclusion.error().stage(), Stage::kLaunch);
    EXPECT_EQ(exclusion.error().message(),
              "guest memory at 0x80002000 cannot become private: virtio-net still reads 1 bytes at "
              "0x80002010 after 30 ms");
    EXPECT_TRUE(table.take(*IpaRange::make(Ipa{0x8000'2000}, 1), &memory, Access::kRead, "x"))
        << "an exclusion that failed excludes nothing";
    *lease = Lease();
    EXPECT_TRUE(table.exclude(*IpaRange::make(Ipa{0x8000'2000}, kGranule)));
}

// Devices that lease at random and conversions that own what they exclude: plain (not atomic) bytes
// so that TSan, and the check of what is in them, see any overlap.
TEST_F(Leases, ManyThreads_NeverBothHaveAPage) {
    constexpr int kRounds = 2000;
    std::atomic<int> failures = 0;
    const auto device = [&](std::uint64_t page, std::byte mark) {
        for (int round = 0; round < kRounds; ++round) {
            const auto lease = take(page, 2);
            if (!lease) continue;
            for (const std::uint64_t at : {std::uint64_t{0}, kGranule}) {
                lease->bytes()[at] = mark;
                if (lease->bytes()[at] != mark) ++failures;
            }
        }
    };
    const auto convert = [&](std::uint64_t seed) {
        std::mt19937_64 random(seed);
        for (int round = 0; round < kRounds / 4; ++round) {
            const std::uint64_t first = seed * 4 + random() % 4;
            const auto exclusion = table.exclude(pages(first, 1));
            if (!exclusion) ++failures;
            memory[first * kGranule] = std::byte{0};
            if (memory[first * kGranule] != std::byte{0}) ++failures;
        }
    };
    std::vector<std::thread> threads;
    for (const std::uint64_t page : {0u, 2u, 4u, 6u})
        threads.emplace_back(device, page, std::byte{7});
    threads.emplace_back(convert, 0);
    threads.emplace_back(convert, 1);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(table.lease_count(), 0u);
}

}  // namespace
}  // namespace rvmm::vmm
