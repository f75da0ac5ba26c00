#include "vmm/terminal/escape_filter.hpp"

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

std::string typed(EscapeFilter::Result result) {
    return {reinterpret_cast<const char*>(result.typed.data()), result.typed.size()};
}

TEST(EscapeFilter, OrdinaryBytes_Pass) {
    EscapeFilter filter;
    const auto result = filter.feed(as_bytes(std::string_view("abc\x03\x00\xff", 6)));
    EXPECT_FALSE(result.quit);
    EXPECT_FALSE(result.help);
    EXPECT_EQ(typed(result), std::string("abc\x03\x00\xff", 6));
}

TEST(EscapeFilter, ControlAThenX_QuitsAndDropsTheRest) {
    EscapeFilter filter;
    const auto result = filter.feed(as_bytes("ab\x01xcd"));
    EXPECT_TRUE(result.quit);
    EXPECT_EQ(typed(result), "ab");
}

TEST(EscapeFilter, XAlone_Passes) {
    EscapeFilter filter;
    EXPECT_FALSE(filter.feed(as_bytes("x")).quit);
}

TEST(EscapeFilter, ControlAOverTwoFeeds_Counts) {
    EscapeFilter filter;
    const auto first = filter.feed(as_bytes("\x01"));
    EXPECT_FALSE(first.quit);
    EXPECT_EQ(typed(first), "");
    EXPECT_TRUE(filter.feed(as_bytes("x")).quit);
}

TEST(EscapeFilter, TwiceOrWithA_IsOneControlA) {
    EscapeFilter filter;
    EXPECT_EQ(typed(filter.feed(as_bytes("\x01\x01"))), "\x01");
    EXPECT_EQ(typed(filter.feed(as_bytes("\x01"
                                         "a"))),
              "\x01");
    // The second of two does not start another escape.
    const auto result = filter.feed(as_bytes("\x01\x01x"));
    EXPECT_FALSE(result.quit);
    EXPECT_EQ(typed(result), "\x01x");
}

TEST(EscapeFilter, ControlAThenP_IsThePowerKey) {
    EscapeFilter filter;
    const auto result = filter.feed(as_bytes("a\x01pb"));
    EXPECT_TRUE(result.power);
    EXPECT_FALSE(result.quit);
    EXPECT_EQ(typed(result), "ab");
}

TEST(EscapeFilter, ControlAThenH_AsksForHelpAndGoesOn) {
    EscapeFilter filter;
    const auto result = filter.feed(as_bytes("a\x01hb"));
    EXPECT_TRUE(result.help);
    EXPECT_FALSE(result.quit);
    EXPECT_EQ(typed(result), "ab");
    EXPECT_NE(EscapeFilter::help().find("Ctrl-A x"), std::string_view::npos);
}

TEST(EscapeFilter, ControlAThenAnythingElse_PassesBoth) {
    EscapeFilter filter;
    EXPECT_EQ(typed(filter.feed(as_bytes("\x01kl"))), "\x01kl");
}

}  // namespace
}  // namespace rvmm::vmm
