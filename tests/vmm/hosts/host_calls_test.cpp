#include "vmm/hosts/host_calls.hpp"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "vmm/memory/split_memory.hpp"

namespace rvmm::vmm {
namespace {

struct TextSink final : devices::ByteSink {
    bool put(ByteSpan bytes) override {
        if (full) return false;
        for (const std::byte b : bytes) text += static_cast<char>(b);
        return true;
    }
    std::string text;
    bool full = false;
};

class HostCallsTest : public ::testing::Test {
  protected:
    static constexpr Ipa kBase{0x8000'0000};
    static constexpr std::uint64_t kSharedBit = 1ULL << 39;

    void SetUp() override {
        auto made = SplitMemory::create(*IpaRange::make(kBase, 16 * 4096), kSharedBit, {});
        ASSERT_TRUE(made);
        memory = std::move(*made);
        ASSERT_TRUE(memory->convert(*IpaRange::make(kBase, 2 * 4096), realm::Ripas::kEmpty));
    }
    std::uint64_t call(std::uint64_t id, std::uint64_t a = 0, std::uint64_t b = 0) {
        gprs = {};
        gprs[0] = id;
        gprs[1] = a;
        gprs[2] = b;
        gprs[7] = 0x77;
        HostCalls calls(memory->shared(), sink, tokens);
        reply = calls.call(gprs);
        return gprs[0];
    }
    static std::uint64_t error(int number) { return static_cast<std::uint64_t>(number); }
    std::unique_ptr<SplitMemory> memory;
    TextSink sink;
    TokenExchange* tokens = nullptr;
    std::array<std::uint64_t, 31> gprs{};
    CallReply reply;
};

TEST_F(HostCallsTest, Version_IsOne) {
    EXPECT_EQ(call(0xC6005200), 0u);
    EXPECT_EQ(gprs[1], 0x10001u);
    EXPECT_EQ(gprs[7], 0x77u) << "only the results change";
}

TEST_F(HostCallsTest, Token_IsAskedForAndTaken) {
    TokenChallenge challenge{};
    challenge[0] = std::byte{1};
    challenge[63] = std::byte{2};
    TokenExchange exchange(challenge);
    tokens = &exchange;
    EXPECT_EQ(call(0xC6005204), 0u);
    EXPECT_EQ(gprs[1], 1u);
    EXPECT_EQ(gprs[7], 0u);
    EXPECT_EQ(gprs[8], 0x0200'0000'0000'0000u);
    std::memcpy(memory->slots()[1].host, "token", 5);
    EXPECT_EQ(call(0xC6005205, kBase.value | kSharedBit, 5), 0u);
    EXPECT_EQ(to_hex(*exchange.token()), "746f6b656e");
    EXPECT_EQ(call(0xC6005205, kBase.value, 0), error(-2));
    EXPECT_EQ(call(0xC6005205, kBase.value, 4097), error(-2));
    EXPECT_EQ(call(0xC6005205, kBase.value + 2 * 4096, 5), error(-2)) << "private";
    EXPECT_EQ(call(0xC6005205, ~0ULL, 5), error(-2));
    EXPECT_EQ(exchange.token()->size(), 5u);
}

TEST_F(HostCallsTest, TokenThatNobodyWants_IsRefused) {
    EXPECT_EQ(call(0xC6005204), error(-4));
    EXPECT_EQ(gprs[1], 0u);
    EXPECT_EQ(call(0xC6005205, kBase.value, 5), error(-4));
}

TEST_F(HostCallsTest, Print_CopiesSharedTextByEitherAddress) {
    std::memcpy(memory->slots()[1].host, "hello", 5);
    EXPECT_EQ(call(0xC6005201, kBase.value | kSharedBit, 5), 0u);
    EXPECT_EQ(call(0xC6005201, kBase.value, 5), 0u);
    EXPECT_EQ(call(0xC6005201, kBase.value, 0), 0u);
    EXPECT_EQ(sink.text, "hellohello");
}

TEST_F(HostCallsTest, Print_RefusesEverythingElse) {
    std::memcpy(memory->slots()[0].host, "secret", 6);
    EXPECT_EQ(call(0xC6005201, kBase.value + 2 * 4096, 6), error(-2)) << "private";
    EXPECT_EQ(call(0xC6005201, kBase.value + 2 * 4096 - 3, 6), error(-2)) << "half private";
    EXPECT_EQ(call(0xC6005201, kBase.value, 4097), error(-2)) << "too long";
    EXPECT_EQ(call(0xC6005201, kBase.value, UINT64_MAX), error(-2));
    EXPECT_EQ(call(0xC6005201, UINT64_MAX - 2, 6), error(-2)) << "wraps";
    EXPECT_EQ(call(0xC6005201, 0x1000, 6), error(-2)) << "no RAM";
    EXPECT_TRUE(sink.text.empty());
    sink.full = true;
    EXPECT_EQ(call(0xC6005201, kBase.value, 5), error(-3));
}

TEST_F(HostCallsTest, Exit_TakesSixBitsOfStatus) {
    call(0xC6005203, 63);
    ASSERT_TRUE(std::holds_alternative<RunOutcome>(reply));
    EXPECT_EQ(std::get<RunOutcome>(reply).exit_code(), 63);
    EXPECT_EQ(call(0xC6005203, 64), error(-2));
    EXPECT_TRUE(std::holds_alternative<Answered>(reply));
}

TEST_F(HostCallsTest, Ready_IsReported) {
    call(0xC6005202);
    EXPECT_TRUE(std::holds_alternative<GuestReady>(reply));
}

TEST_F(HostCallsTest, UnknownIds_AreNotSupported) {
    EXPECT_EQ(call(0xC6005206), error(-1));
    EXPECT_EQ(call(0), error(-1));
    EXPECT_EQ(call(UINT64_MAX), error(-1));
}

}  // namespace
}  // namespace rvmm::vmm
