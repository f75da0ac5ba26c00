#include "devices/virtio/rng.hpp"

#include <gtest/gtest.h>

#include "devices/virtio/device_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

class VirtioRng : public ::testing::Test {
  protected:
    void SetUp() override {
        bench.attach(rng);
        bench.start();
    }
    static constexpr std::uint64_t kBuffer = TestMemory::kBase + kPageSize4K;
    static constexpr std::uint32_t kMost = Rng::kMaxRequest;

    /// What the source gives at once, byte after byte counting up.
    std::size_t most = SIZE_MAX;
    std::uint8_t next = 0;
    std::shared_ptr<Rng> rng = std::make_shared<Rng>("rng0", [this](MutableByteSpan bytes) {
        bytes = bytes.first(std::min(bytes.size(), most));
        for (std::byte& byte : bytes) byte = std::byte{++next};
        return bytes.size();
    });
    DeviceBench bench;
};

TEST_F(VirtioRng, Request_IsFilledAcrossItsParts) {
    EXPECT_EQ(bench.frontend().type(), 4u);
    most = 2;
    bench.queue(0).offer(0, {{kBuffer, 3, kPartWrite}, {kBuffer + 100, 2, kPartWrite}});
    bench.kick(0);
    EXPECT_EQ(bench.queue(0).used(), (std::vector<DriverQueue::Used>{{0, 5}}));
    EXPECT_EQ(bench.text(kBuffer, 4), std::string_view("\1\2\3\0", 4));
    EXPECT_EQ(bench.text(kBuffer + 100, 3), std::string_view("\4\5\0", 3));
    EXPECT_EQ(bench.interrupts(0), 1u);
    const auto counters = rng->counters();
    EXPECT_EQ(counters[0].value, 1u);
    EXPECT_EQ(counters[1].value, 5u);
}

TEST_F(VirtioRng, Request_IsBounded) {
    bench.queue(0).offer(0, {{kBuffer, kMost - 1, kPartWrite},
                             {kBuffer + kMost, 100, kPartWrite},
                             {kBuffer + kMost + 200, 100, kPartWrite}});
    bench.kick(0);
    EXPECT_EQ(bench.queue(0).used(), (std::vector<DriverQueue::Used>{{0, kMost}}));
    EXPECT_EQ(bench.text(kBuffer + kMost + 1, 99), std::string(99, '\0'));
}

TEST_F(VirtioRng, ManyRequests_AreAllServed) {
    for (int round = 0; round < 5; ++round) {
        for (std::uint16_t i = 0; i < 8; ++i)
            bench.queue(0).offer(i, {{kBuffer + 16U * i, 16, kPartWrite}});
        bench.kick(0);
        EXPECT_EQ(bench.queue(0).used().size(), 8u);
    }
    EXPECT_EQ(rng->counters()[1].value, 5u * 8 * 16);
}

TEST_F(VirtioRng, HostileRequests_NeedAReset) {
    const std::vector<std::vector<Part>> hostile = {
        {{kBuffer, 16}},                                            // to read
        {{kBuffer, 16}, {kBuffer, 16, kPartWrite}},                 // in part
        {{kBuffer, 0, kPartWrite}},                                 // empty
        {{kBuffer, UINT32_MAX, kPartWrite}},                        // huge
        {{UINT64_MAX - 3, 16, kPartWrite}},                         // wraps
        {{TestMemory::kBase - 8, 16, kPartWrite}},                  // below RAM
        {{bench.address(63, 4090), 16, kPartWrite}},                // above
        {{bench.address(60), 16, kPartWrite}},                      // private
        {{bench.address(59), 2 * kPageSize4K, kPartWrite}},         // in part
        {{kBuffer, 16, kPartIndirect}, {kBuffer, 16, kPartWrite}},  // INDIRECT and NEXT
    };
    bench.memory.make_private(60);
    for (const auto& parts : hostile) {
        bench.queue(0).offer(0, parts);
        bench.queue(0).offer(4, {{kBuffer, 8, kPartWrite}});
        bench.kick(0);
        EXPECT_TRUE(bench.needs_reset());
        EXPECT_TRUE(bench.queue(0).used().empty());
        bench.reset();
        bench.start();
        bench.queue(0).offer(0, {{kBuffer, 8, kPartWrite}});
        bench.kick(0);
        EXPECT_EQ(bench.queue(0).used().size(), 1u);
    }
}

TEST_F(VirtioRng, NoBytesToBeHad_NeedsAReset) {
    most = 0;
    bench.queue(0).offer(0, {{kBuffer, 16, kPartWrite}});
    bench.kick(0);
    EXPECT_TRUE(bench.needs_reset());
}

TEST_F(VirtioRng, PageTurnedPrivate_NeedsAResetAndNothingElse) {
    bench.memory.make_private(0);
    bench.frontend().notify(0);
    bench.settle();
    EXPECT_TRUE(bench.needs_reset());
}

TEST_F(VirtioRng, FiftyRounds_OfStartAndStop) {
    for (int round = 0; round < 50; ++round) {
        bench.queue(0).offer(0, {{kBuffer, 8, kPartWrite}});
        if (round % 2 == 0) bench.kick(0);
        bench.reset();
        bench.start();
    }
    EXPECT_EQ(rng->counters()[0].value, 25u);
}

TEST(RngSource, System_FillsAndVaries) {
    Bytes first(256);
    Bytes second(256);
    EXPECT_EQ(Rng::system_source(first), first.size());
    EXPECT_EQ(Rng::system_source(second), second.size());
    EXPECT_NE(first, second);
}

}  // namespace
}  // namespace rvmm::devices::virtio
