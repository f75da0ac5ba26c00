#include "vmm/memory/range_set.hpp"

#include <array>
#include <random>

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

TEST(RangeSet, Neighbours_AreJoined) {
    RangeSet set;
    set.add({0, 4});
    set.add({8, 12});
    set.add({4, 8});
    EXPECT_EQ(set.run_count(), 1u);
    EXPECT_EQ(set.run_at(11), (RangeSet::Run{0, 12}));
    set.remove({5, 6});
    EXPECT_EQ(set.run_count(), 2u);
    EXPECT_FALSE(set.contains(5));
    EXPECT_TRUE(set.contains_all({6, 12}));
}

TEST(RangeSet, EmptyRun_HasNoParts) {
    RangeSet set;
    set.add({0, 8});
    EXPECT_TRUE(set.parts_in({4, 4}).empty());
    EXPECT_TRUE(set.parts_out({4, 4}).empty());
    EXPECT_TRUE(set.parts_out({9, 9}).empty());
    EXPECT_TRUE(set.contains_all({9, 9}));
}

TEST(RangeSet, RandomOperations_MatchABitmap) {
    constexpr std::uint64_t kSize = 48;
    std::mt19937 random(7);
    RangeSet set;
    std::array<bool, kSize> bits{};
    for (int step = 0; step < 5000; ++step) {
        const std::uint64_t a = random() % kSize;
        const std::uint64_t b = a + random() % (kSize - a + 1);
        const bool add = random() % 2 == 0;
        if (add)
            set.add({a, b});
        else
            set.remove({a, b});
        for (std::uint64_t i = a; i < b; ++i) bits[i] = add;
        std::size_t runs = 0;
        for (std::uint64_t i = 0; i < kSize; ++i) {
            ASSERT_EQ(set.contains(i), bits[i]);
            if (bits[i] && (i == 0 || !bits[i - 1])) ++runs;
        }
        ASSERT_EQ(set.run_count(), runs);
        const RangeSet::Run window = {kSize / 4, kSize / 2};
        std::uint64_t inside = 0;
        for (const auto& part : set.parts_in(window)) inside += part.end - part.begin;
        std::uint64_t outside = 0;
        for (const auto& part : set.parts_out(window)) {
            outside += part.end - part.begin;
            for (std::uint64_t i = part.begin; i < part.end; ++i) ASSERT_FALSE(bits[i]);
        }
        ASSERT_EQ(inside + outside, window.end - window.begin);
    }
}

}  // namespace
}  // namespace rvmm::vmm
