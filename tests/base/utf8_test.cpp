#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace rvmm {
namespace {

TEST(Utf8, WellFormedText_IsTakenWhole) {
    for (const std::string_view text :
         {"", "plain", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
          "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_utf8(text)) << text;
}

TEST(Utf8, IllFormedText_IsTakenUpToTheFault) {
    for (const std::string_view text :
         {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe2\x82",
          "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80",
          "\xf5\x80\x80\x80", "\xff"}) {
        const std::string with_front = "a\xc3\xa9" + std::string(text);
        EXPECT_EQ(utf8_prefix(with_front), 3U) << testing::PrintToString(text);
    }
}

}  // namespace
}  // namespace rvmm
