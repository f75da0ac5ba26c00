#include "base/text.hpp"

#include <array>

#include <gtest/gtest.h>

namespace rvmm {
namespace {

TEST(ParseSize, Units_AreBinary) {
    EXPECT_EQ(parse_size("512M"), 512ULL << 20);
    EXPECT_EQ(parse_size("1g"), 1ULL << 30);
    EXPECT_EQ(parse_size("4KiB"), 4096u);
    EXPECT_EQ(parse_size("2TB"), 2ULL << 40);
    EXPECT_EQ(parse_size("1000"), 1000u);
}

TEST(ParseSize, Nonsense_IsNothing) {
    for (const char* text :
         {"", "M", "1X", "1 M", "-1", "1.5G", "1MM", "99999999999999999999", "16777216T", "0x10"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(FormatSize, RoundTrips) {
    for (const std::uint64_t n : {0ULL, 1ULL, 1000ULL, 1024ULL, 512ULL << 20, 3ULL << 40, ~0ULL})
        EXPECT_EQ(parse_size(format_size(n)), n);
    EXPECT_EQ(format_size(512ULL << 20), "512M");
}

TEST(Nearest, Typo_FindsKey) {
    static constexpr std::array<std::string_view, 3> kKeys = {"vcpus", "memory", "kernel"};
    EXPECT_EQ(nearest("vcpu", kKeys), "vcpus");
    EXPECT_EQ(nearest("memroy", kKeys), "memory");
    EXPECT_EQ(nearest("zzz", kKeys), std::nullopt);
    EXPECT_EQ(nearest("", kKeys), std::nullopt);
}

TEST(ParseUnsigned, DecimalAndHex) {
    EXPECT_EQ(parse_unsigned("42"), 42u);
    EXPECT_EQ(parse_unsigned("0xff"), 255u);
    for (const char* text : {"", "0x", "12a", "-1", "+1", " 1"})
        EXPECT_FALSE(parse_unsigned(text)) << text;
}

TEST(ParseDuration, NumbersWithUnits) {
    using namespace std::chrono_literals;
    EXPECT_EQ(parse_duration("30"), 30s);
    EXPECT_EQ(parse_duration("1.5"), 1500ms);
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("2m"), 120s);
    EXPECT_EQ(parse_duration("1.5h"), 5400s);
    EXPECT_EQ(parse_duration("1000h"), 3600000s);
    for (const char* text : {"", "s", "0", "0ms", "-1", "+1", " 1", "1 s", "1d", "1e3", "1001h",
                             "inf", "nan", "0x10", "1..5", "1m30s", "0.0000000001", "1S"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Escape, WhatIsNotPlainText_IsSpelled) {
    EXPECT_EQ(escape("plain text, \xc3\xa9 and \xf0\x9f\x98\x80"),
              "plain text, \xc3\xa9 and \xf0\x9f\x98\x80");
    EXPECT_EQ(escape("a\\b\n\r\t\x1b[0m\x7f"), R"(a\\b\n\r\t\x1b[0m\x7f)");
    EXPECT_EQ(escape(std::string_view("\0", 1)), R"(\x00)");
    EXPECT_EQ(escape("\xff\xc3"), R"(\xff\xc3)");
    EXPECT_EQ(escape("\xc2\x85|\xc0\x80|\xed\xa0\x80"), R"(\xc2\x85|\xc0\x80|\xed\xa0\x80)");
}

TEST(Unescape, IsTheOppositeOfEscape) {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    EXPECT_EQ(unescape(escape(all)), all);
    EXPECT_EQ(unescape(R"(root\n)"), "root\n");
    EXPECT_EQ(unescape(R"(\x1B)"), "\x1b");
    for (const char* text : {"\\", "a\\", R"(\q)", R"(\x)", R"(\x1)", R"(\xzz)"})
        EXPECT_FALSE(unescape(text)) << text;
}

}  // namespace
}  // namespace rvmm
