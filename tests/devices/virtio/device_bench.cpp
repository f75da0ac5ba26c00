#include "devices/virtio/device_bench.hpp"

#include <gtest/gtest.h>

namespace rvmm::devices::virtio {

DeviceBench::~DeviceBench() {
    if (!frontend_) return;
    bool closed = false;
    frontend_->close([&] { closed = true; });
    EXPECT_TRUE(run_until([&] { return closed; })) << "the device does not stop";
    EXPECT_EQ(memory.leases(), 0u);
}

void DeviceBench::attach(std::shared_ptr<Device> device) {
    for (const Counter& counter : device->counters())
        for (const std::string_view taken : {"notifications", "interrupts", "resets", "errors"})
            EXPECT_NE(counter.name, taken) << "a counter of the frontend";
    auto made = Frontend::create(loop, memory, std::move(device), *this);
    ASSERT_TRUE(made) << made.error().message();
    frontend_ = *std::move(made);
    interrupts_.assign(frontend_->queue_count(), 0);
}

void DeviceBench::start(std::uint64_t refused) {
    Frontend& f = *frontend_;
    f.set_status(kStatusAcknowledge);
    f.set_status(kStatusAcknowledge | kStatusDriver);
    std::uint64_t features = 0;
    for (std::uint32_t word = 0; word < 2; ++word) {
        const auto accepted =
            f.device_features(word) & ~static_cast<std::uint32_t>(refused >> (32 * word));
        f.set_driver_features(word, accepted);
        features |= std::uint64_t{accepted} << (32 * word);
    }
    f.set_status(f.status() | kStatusFeaturesOk);
    ASSERT_NE(f.status() & kStatusFeaturesOk, 0);
    queues_.clear();
    for (unsigned i = 0; i < f.queue_count(); ++i) {
        const auto size = std::min(kQueueSize, f.max_queue_size(i));
        std::ranges::fill(memory.at(address(i), kPageSize4K), std::byte{0});
        queues_.emplace_back(memory, size, (features & kIndirectDescriptors) != 0,
                             (features & kEventIdx) != 0, i);
        const QueueSetup& setup = queues_.back().setup();
        using Area = Frontend::Area;
        f.set_queue_size(i, size);
        for (const auto& [area, at] :
             {std::pair(Area::kDescriptors, setup.descriptors),
              std::pair(Area::kDriver, setup.driver), std::pair(Area::kDevice, setup.device)})
            for (const bool high : {false, true})
                f.set_queue_address(i, area, high,
                                    static_cast<std::uint32_t>(at.value >> (high ? 32 : 0)));
        f.set_queue_ready(i, true);
    }
    f.set_status(f.status() | kStatusDriverOk);
    settle();
}

void DeviceBench::kick(unsigned queue) {
    frontend_->notify(queue);
    settle();
}

void DeviceBench::settle() {
    loop.restart();
    while (loop.poll() > 0) {
    }
}

bool DeviceBench::run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        loop.restart();
        loop.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
}

void DeviceBench::reset() {
    frontend_->set_status(0);
    EXPECT_TRUE(run_until([&] { return frontend_->status() == 0; }));
}

void DeviceBench::put(std::uint64_t at, ByteSpan bytes) {
    std::ranges::copy(bytes, memory.at(at, bytes.size()).begin());
}

std::string DeviceBench::text(std::uint64_t at, std::size_t size) {
    const ByteSpan bytes = memory.at(at, size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace rvmm::devices::virtio
