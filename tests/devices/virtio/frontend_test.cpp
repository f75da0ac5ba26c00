// Negotiation, start, failure and reset of a device, whatever the transport.
#include "devices/virtio/frontend.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "devices/virtio/device_bench.hpp"
#include "devices/virtio/echo_device.hpp"

namespace rvmm::devices::virtio {
namespace {

class VirtioFrontend : public ::testing::Test {
  protected:
    VirtioFrontend() { bench.attach(device); }
    Frontend& f() { return bench.frontend(); }
    void offer(unsigned queue, std::uint16_t first, std::string_view text) {
        bench.put(kOut, text);
        bench.queue(queue).offer(
            first, {{kOut, static_cast<std::uint32_t>(text.size())}, {kIn, 64, kPartWrite}});
    }
    static constexpr std::uint64_t kOut = TestMemory::kBase + 8 * kPageSize4K;
    static constexpr std::uint64_t kIn = TestMemory::kBase + 9 * kPageSize4K;

    std::shared_ptr<EchoDevice> device = std::make_shared<EchoDevice>();
    DeviceBench bench;
};

TEST_F(VirtioFrontend, Registers_SayWhatTheDeviceOffers) {
    EXPECT_EQ(f().device_features(0), 1U | (1U << 28) | (1U << 29));
    EXPECT_EQ(f().device_features(1), 3u);  // VERSION_1, ACCESS_PLATFORM
    EXPECT_EQ(f().device_features(2), 0u);
    EXPECT_EQ(f().queue_count(), 2u);
    EXPECT_EQ(f().max_queue_size(0), 64u);
    EXPECT_EQ(f().max_queue_size(2), 0u);
    EXPECT_EQ(f().queue_size(1), 32u);
    std::array<std::byte, 8> config{};
    f().read_config(1, config);
    EXPECT_EQ(to_hex(config), "0809000000000000");
    f().read_config(UINT64_MAX - 3, config);
    EXPECT_EQ(to_hex(config), "0000000000000000");
}

TEST_F(VirtioFrontend, FeaturesOk_NeedsVersion1AccessPlatformAndNothingElse) {
    for (const auto& [low, high] : {std::pair(0U, 1U), {0U, 2U}, {2U, 3U}, {0U, 7U}}) {
        f().set_status(kStatusAcknowledge | kStatusDriver);
        f().set_driver_features(0, low);
        f().set_driver_features(1, high);
        f().set_status(f().status() | kStatusFeaturesOk);
        EXPECT_EQ(f().status(), kStatusAcknowledge | kStatusDriver) << low << " " << high;
        f().set_status(f().status() | kStatusDriverOk);  // all the same: nothing starts
        bench.settle();
        EXPECT_EQ(device->starts, 0);
        bench.reset();
    }
}

TEST_F(VirtioFrontend, Request_IsAnsweredWithAnInterrupt) {
    bench.start();
    EXPECT_EQ(device->starts, 1);
    offer(0, 0, "hello");
    bench.kick(0);
    EXPECT_EQ(bench.text(kIn, 5), "hello");
    EXPECT_EQ(bench.queue(0).used(), (std::vector<DriverQueue::Used>{{0, 5}}));
    EXPECT_EQ(bench.interrupts(0), 1u);
    EXPECT_EQ(bench.memory.leases(), 0u);
}

TEST_F(VirtioFrontend, WhatIsOfferedBeforeDriverOk_IsSeen) {
    bench.start();
    EXPECT_EQ(device->notified, (std::vector<unsigned>{0, 1}));
}

TEST_F(VirtioFrontend, ReadyRegisters_AreKept) {
    bench.start();
    const auto before = f().queue_address(0, Frontend::Area::kDriver, false);
    f().set_queue_address(0, Frontend::Area::kDriver, false, 0);
    f().set_queue_size(0, 4);
    f().set_queue_ready(0, false);
    f().set_driver_features(0, 0);
    EXPECT_EQ(f().queue_address(0, Frontend::Area::kDriver, false), before);
    EXPECT_EQ(f().queue_size(0), DeviceBench::kQueueSize);
    EXPECT_TRUE(f().queue_ready(0));
    EXPECT_NE(f().driver_features(0), 0u);
    f().set_status(kStatusAcknowledge);  // takes no bit away
    EXPECT_NE(f().status() & kStatusDriverOk, 0);
}

TEST_F(VirtioFrontend, BrokenChain_NeedsResetAndNothingElse) {
    bench.start();
    bench.queue(0).offer(0, {{kOut, 0}});
    bench.kick(0);
    EXPECT_TRUE(bench.needs_reset());
    EXPECT_EQ(bench.config_changes(), 1u);
    EXPECT_EQ(f().counters().errors, 1u);
    EXPECT_NE(f().counters().last_error.find("a part of no bytes"), std::string::npos);
    const auto notified = device->notified.size();
    bench.kick(1);
    EXPECT_EQ(device->notified.size(), notified) << "a failed device is not notified";
    bench.reset();
    EXPECT_EQ(device->stops, 1);
    bench.start();
    EXPECT_FALSE(bench.needs_reset());
    offer(0, 0, "again");
    bench.kick(0);
    EXPECT_EQ(bench.text(kIn, 5), "again");
}

TEST_F(VirtioFrontend, QueueOutsideSharedMemory_NeedsReset) {
    bench.memory.make_private(1);
    bench.start();
    EXPECT_TRUE(bench.needs_reset());
    EXPECT_EQ(device->starts, 0);
    bench.reset();
    EXPECT_EQ(device->stops, 0);
}

TEST_F(VirtioFrontend, Reset_IsDoneWhenIoHasEnded) {
    bench.start();
    device->slow = true;
    offer(1, 0, "kept");
    bench.kick(1);
    ASSERT_EQ(device->kept.size(), 1u);
    f().set_status(0);
    bench.settle();
    EXPECT_NE(f().status(), 0) << "I/O is in flight";
    f().set_status(kStatusAcknowledge);  // too early: nothing
    std::thread vcpu([&] { f().wait_for_reset(); });
    device->finish();
    vcpu.join();
    EXPECT_EQ(f().status(), 0);
    EXPECT_FALSE(f().queue_ready(0));
    device->slow = false;
    bench.start();
    EXPECT_EQ(device->starts, 2);
}

TEST_F(VirtioFrontend, ResetRightAfterDriverOk_StartsNothing) {
    bench.start();
    bench.reset();
    device->starts = 0;
    f().set_status(0);
    f().set_driver_features(1, 3);
    f().set_status(kStatusFeaturesOk | kStatusDriverOk);
    f().set_status(0);
    bench.settle();
    EXPECT_EQ(device->starts, 0);
    EXPECT_EQ(f().status(), 0);
}

TEST_F(VirtioFrontend, Close_EndsAWaitForAReset) {
    bench.start();
    device->slow = true;
    f().set_status(0);
    std::thread vcpu([&] { f().wait_for_reset(); });
    bench.settle();
    bool closed = false;
    f().close([&] { closed = true; });
    vcpu.join();
    EXPECT_FALSE(closed);
    device->finish();
    EXPECT_TRUE(closed);
    device->slow = false;
}

TEST_F(VirtioFrontend, ConfigChange_IsToldAndCounted) {
    bench.start();
    const auto generation = f().config_generation();
    device->session().set_config(Bytes{std::byte{1}});
    EXPECT_NE(f().config_generation(), generation);
    EXPECT_EQ(bench.config_changes(), 1u);
    f().write_config(2, Bytes(4));
    bench.settle();
    EXPECT_EQ(device->written, (std::vector<std::pair<std::uint64_t, std::size_t>>{{2, 4}}));
}

TEST_F(VirtioFrontend, FloodOfConfigWrites_IsBounded) {
    bench.start();
    for (int i = 0; i < 1000; ++i) f().write_config(0, Bytes(1));
    bench.settle();
    EXPECT_EQ(device->written.size(), 64u);
    f().write_config(0, Bytes(1));
    bench.settle();
    EXPECT_EQ(device->written.size(), 65u);
}

TEST_F(VirtioFrontend, BusyDriver_LetsOthersHaveTheirTurn) {
    bench.start();
    // A driver that makes two chains available for each that is used would never let serve() end.
    for (std::uint16_t i = 0; i < DeviceBench::kQueueSize; ++i)
        bench.queue(0).offer(i, {{kOut, 1}});
    f().notify(0);
    bench.loop.restart();
    bench.loop.poll_one();
    const auto before = device->notified.size();
    bench.settle();
    EXPECT_GT(device->notified.size(), before) << "it asked to be called again";
}

}  // namespace
}  // namespace rvmm::devices::virtio
