// Random requests through several queues at once, on a real file, against a model of the disk.
#include <cstdio>
#include <random>

#include <gtest/gtest.h>

#include "devices/block/image_file.hpp"
#include "devices/block/pool_backend.hpp"
#include "devices/block/uring_backend.hpp"
#include "devices/virtio/block_driver.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr unsigned kPropertyQueues = 3;
constexpr std::uint64_t kPropertySectors = 200;
constexpr std::size_t kSteps = 3000;

class DiskProperty : public ::testing::TestWithParam<std::string_view> {
  protected:
    struct Flight {
        bool busy = false;
        std::uint32_t type = 0;
        std::uint64_t first = 0;
        std::uint64_t count = 0;  // sectors
    };

    DiskProperty() : model(kPropertySectors * 512), known(kPropertySectors, true) {
        auto file = std::make_shared<const BlockFile>(
            *BlockFile::open(image.path(), BlockFile::Mode::kReadWrite));
        const unsigned depth = Block::depth_of(kPropertyQueues);
        auto backend = GetParam() == "io_uring" ? UringBackend::create(bench.loop, file, depth)
                                                : PoolBackend::create(bench.loop, file, depth);
        if (!backend) {
            std::printf("%s: threads instead\n", backend.error().message().c_str());
            backend = PoolBackend::create(bench.loop, file, depth);
        }
        bench.attach(
            *Block::create(*std::move(backend), {.name = "disk0", .queues = kPropertyQueues}));
        bench.start();
    }

    std::uint64_t pick(std::uint64_t below) { return random() % below; }
    bool is_free(std::uint64_t first, std::uint64_t count) const {
        return std::ranges::none_of(flights, [&](const Flight& flight) {
            return flight.busy && flight.first < first + count &&
                   first < flight.first + flight.count;
        });
    }
    MutableByteSpan modelled(std::uint64_t first, std::uint64_t count = 1) {
        return MutableByteSpan(model).subspan(first * 512, count * 512);
    }
    /// Offers something to a slot that is free, on sectors that nothing in flight touches.
    void offer(unsigned queue, unsigned slot);
    void collect();

    ImageFile image{kPropertySectors * 512};
    std::mt19937_64 random{20250607};
    Bytes model;
    std::vector<bool> known;
    std::array<Flight, kPropertyQueues * BlockDriver::kSlots> flights;
    DeviceBench bench;
    BlockDriver driver{bench};
};

void DiskProperty::offer(unsigned queue, unsigned slot) {
    Flight& flight = flights[queue * BlockDriver::kSlots + slot];
    const std::uint64_t count = 1 + pick(8);
    const std::uint64_t first = pick(kPropertySectors - count + 1);
    if (flight.busy || !is_free(first, count)) return;
    constexpr std::uint32_t kTypes[] = {blk::kTypeIn,      blk::kTypeIn,         blk::kTypeOut,
                                        blk::kTypeOut,     blk::kTypeOut,        blk::kTypeFlush,
                                        blk::kTypeDiscard, blk::kTypeWriteZeroes};
    flight = {true, kTypes[pick(std::size(kTypes))], first, count};
    const auto bytes = static_cast<std::uint32_t>(count * 512);
    std::uint32_t size = bytes;
    switch (flight.type) {
        case blk::kTypeOut:
            for (std::byte& byte : driver.data(queue, slot, size))
                byte = static_cast<std::byte>(pick(256));
            std::ranges::copy(driver.data(queue, slot, size), modelled(first, count).begin());
            break;
        case blk::kTypeDiscard:
        case blk::kTypeWriteZeroes:
            driver.put_ranges(
                queue, slot,
                {{first, static_cast<std::uint32_t>(count),
                  flight.type == blk::kTypeDiscard ? 0 : static_cast<std::uint32_t>(pick(2))}});
            std::ranges::fill(modelled(first, count), std::byte{0});
            size = 16;
            break;
        case blk::kTypeFlush:
            size = 0;
            break;
        default:
            break;
    }
    driver.offer(queue, slot, flight.type, first, size);
}

void DiskProperty::collect() {
    for (unsigned queue = 0; queue < kPropertyQueues; ++queue)
        for (const auto& used : bench.queue(queue).used()) {
            const unsigned slot = used.id / 4;
            Flight& flight = flights[queue * BlockDriver::kSlots + slot];
            ASSERT_TRUE(flight.busy);
            flight.busy = false;
            ASSERT_EQ(driver.status(queue, slot), blk::kOk);
            const bool reads = flight.type == blk::kTypeIn;
            ASSERT_EQ(used.length, reads ? flight.count * 512 + 1 : 1);
            for (std::uint64_t i = 0; i < flight.count; ++i) {
                const std::uint64_t sector = flight.first + i;
                if (flight.type == blk::kTypeDiscard) known[sector] = false;
                if (flight.type == blk::kTypeOut || flight.type == blk::kTypeWriteZeroes)
                    known[sector] = true;
                if (!reads || !known[sector]) continue;
                const auto found = driver.data(queue, slot, flight.count * 512);
                ASSERT_TRUE(std::ranges::equal(found.subspan(i * 512, 512), modelled(sector)))
                    << "sector " << sector;
            }
        }
}

TEST_P(DiskProperty, Disk_IsWhatWasWrittenToIt) {
    for (std::size_t step = 0; step < kSteps && !HasFatalFailure(); ++step) {
        const auto queue = static_cast<unsigned>(pick(kPropertyQueues));
        offer(queue, static_cast<unsigned>(pick(BlockDriver::kSlots)));
        if (pick(3) == 0) bench.frontend().notify(queue);
        bench.loop.restart();
        bench.loop.poll_one();
        collect();
    }
    for (unsigned queue = 0; queue < kPropertyQueues; ++queue) bench.frontend().notify(queue);
    EXPECT_TRUE(bench.run_until([&] {
        collect();
        return HasFatalFailure() || std::ranges::none_of(flights, &Flight::busy);
    }));
    const Bytes now = image.bytes();
    for (std::uint64_t sector = 0; sector < kPropertySectors; ++sector)
        EXPECT_TRUE(!known[sector] ||
                    std::ranges::equal(ByteSpan(now).subspan(sector * 512, 512), modelled(sector)));
    EXPECT_FALSE(bench.needs_reset());
}

TEST_P(DiskProperty, Resets_AtAnyTime_LoseNoMemoryAndNoRequest) {
    for (int round = 0; round < 50 && !HasFatalFailure(); ++round) {
        for (unsigned queue = 0; queue < kPropertyQueues; ++queue) {
            for (unsigned slot = 0; slot < BlockDriver::kSlots; ++slot) offer(queue, slot);
            bench.frontend().notify(queue);
        }
        bench.loop.restart();
        for (std::uint64_t polls = pick(8); polls > 0; --polls) bench.loop.poll_one();
        bench.reset();
        EXPECT_EQ(bench.memory.leases(), 0u);
        for (Flight& flight : flights) flight.busy = false;
        bench.start();
    }
}

INSTANTIATE_TEST_SUITE_P(, DiskProperty, ::testing::Values("io_uring", "threads"),
                         [](const auto& which) { return std::string(which.param); });

}  // namespace
}  // namespace rvmm::devices::virtio
