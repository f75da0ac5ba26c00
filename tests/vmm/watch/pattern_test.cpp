#include "vmm/watch/pattern.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

Pattern pattern(std::string_view expression) {
    auto made = Pattern::compile("--expect", expression);
    EXPECT_TRUE(made) << made.error().message();
    return *std::move(made);
}

TEST(Pattern, Match_SaysWhereItEnds) {
    EXPECT_EQ(pattern("login: ").find("host login: "), 12u);
    EXPECT_EQ(pattern("o").find("foo", 0), 2u);
    EXPECT_EQ(pattern("o").find("foo", 2), 3u);
    EXPECT_EQ(pattern("o").find("foo", 3), std::nullopt);
    EXPECT_EQ(pattern("^b").find("ab", 1), std::nullopt) << "^ is the line's beginning";
    EXPECT_EQ(pattern("x*").find("", 0), 0u);
    EXPECT_EQ(pattern("x").find("x", 5), std::nullopt);
    EXPECT_EQ(pattern("b").find(std::string_view("\0\xff"
                                                 "b",
                                                 3)),
              3u);
}

TEST(Pattern, WhatIsNoExpression_IsRefused) {
    for (const char* expression : {"(", "[", "a{5000}", R"((a)\1)", "(?=a)", "\xff"}) {
        const auto made = Pattern::compile("--fail-on", expression);
        ASSERT_FALSE(made) << expression;
        EXPECT_EQ(made.error().stage(), Stage::kUsage);
        EXPECT_TRUE(made.error().message().starts_with("--fail-on ")) << made.error().message();
    }
}

// What takes an engine that backtracks 2^30 steps.
TEST(Pattern, HostileText_TakesLinearTime) {
    const Pattern nested = pattern("(a*)*(a|aa)*b");
    const std::string text(4096, 'a');
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(nested.find(text));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

}  // namespace
}  // namespace rvmm::vmm
