#include "vmm/token/token_port.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace rvmm::vmm {
namespace {

TokenChallenge counting_challenge() {
    TokenChallenge challenge{};
    for (std::size_t i = 0; i < challenge.size(); ++i) challenge[i] = static_cast<std::byte>(i);
    return challenge;
}

class TokenPortTest : public ::testing::Test {
  protected:
    void write(std::string_view text) { EXPECT_TRUE(port.put(as_bytes(text))); }
    std::string token() const { return exchange.token() ? to_hex(*exchange.token()) : "none"; }

    TokenExchange exchange{counting_challenge()};
    TokenPort port{exchange};
};

TEST_F(TokenPortTest, Request_IsTheChallenge) {
    EXPECT_EQ(port.request(),
              "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
              "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\n");
}

TEST_F(TokenPortTest, Line_IsTheToken) {
    write("d9018f");
    EXPECT_EQ(token(), "none");
    write("a2\r\n");
    EXPECT_EQ(token(), "d9018fa2");
    write("D903\nd9");
    EXPECT_EQ(token(), "d903") << "the last one counts";
}

TEST_F(TokenPortTest, WhatIsNoToken_IsPassedOver) {
    ::testing::internal::CaptureStderr();
    for (const char* line : {"\n", "xyz\n", "123\n", "12 34\n", "\xff\xfe\n"}) write(line);
    write(std::string(2 * TokenExchange::kMaxSize + 2, '0') + "\n");
    EXPECT_EQ(token(), "none");
    const std::string warnings = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::ranges::count(warnings, '\n'), 1) << warnings;
    write("00\n");
    EXPECT_EQ(token(), "00");
}

TEST_F(TokenPortTest, LongestToken_IsTaken) {
    write(std::string(2 * TokenExchange::kMaxSize, 'a'));
    write("\n");
    ASSERT_TRUE(exchange.token());
    EXPECT_EQ(exchange.token()->size(), TokenExchange::kMaxSize);
}

TEST_F(TokenPortTest, EndlessLine_TakesNoMemory) {
    for (int i = 0; i < 1000; ++i) write(std::string(64 << 10, '5'));
    write("\n");
    EXPECT_EQ(token(), "none");
}

}  // namespace
}  // namespace rvmm::vmm
