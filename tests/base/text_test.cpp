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

}  // namespace
}  // namespace rvmm
