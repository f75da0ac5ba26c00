#include "devices/virtio/block.hpp"

#include <gmock/gmock.h>

#include "devices/block/memory_backend.hpp"
#include "devices/virtio/block_driver.hpp"

namespace rvmm::devices::virtio {
namespace {

using ::testing::ElementsAre;
using Used = DriverQueue::Used;

constexpr std::uint64_t kDiskSectors = 4096;
constexpr unsigned kDiskQueues = 2;

class VirtioBlock : public ::testing::Test {
  protected:
    explicit VirtioBlock(bool read_only = false) {
        auto backend =
            std::make_unique<MemoryBackend>(kDiskSectors, Block::depth_of(kDiskQueues), read_only);
        disk = backend.get();
        for (std::size_t i = 0; i < disk->image.size(); ++i)
            disk->image[i] = static_cast<std::byte>(i / 512 + i);
        auto made = Block::create(std::move(backend),
                                  {.name = "disk0", .serial = "rvmm-0001", .queues = kDiskQueues});
        EXPECT_TRUE(made);
        device = *made;
        bench.attach(device);
    }
    ~VirtioBlock() override { drain(); }

    void drain() {
        while (disk->waiting() > 0) disk->run();
    }
    /// Kicks queue 0, lets all I/O end, and gives the status of slot 0.
    std::uint8_t finish() {
        bench.kick(0);
        drain();
        return driver.status(0, 0);
    }
    std::uint64_t counter(std::string_view name) {
        for (const Counter& counter : device->counters())
            if (counter.name == name) return counter.value;
        return UINT64_MAX;
    }
    ByteSpan sectors(std::uint64_t first, std::uint64_t count) {
        return ByteSpan(disk->image).subspan(first * 512, count * 512);
    }

    MemoryBackend* disk = nullptr;
    std::shared_ptr<Block> device;
    DeviceBench bench;
    BlockDriver driver{bench};
};

class ReadOnlyVirtioBlock : public VirtioBlock {
  protected:
    ReadOnlyVirtioBlock() : VirtioBlock(true) {}
};

TEST_F(VirtioBlock, Create_ChecksItsOptions) {
    const auto refused = [](const Block::Options& options, unsigned depth) {
        return Block::create(std::make_unique<MemoryBackend>(8, depth), options).error().message();
    };
    EXPECT_EQ(refused({.name = "d", .serial = std::string(21, 'x')}, 256),
              "d: serial \"xxxxxxxxxxxxxxxxxxxxx\" is longer than 20 bytes");
    EXPECT_EQ(refused({.name = "d", .queues = 17}, 1 << 15),
              "d: 17 queues, where 1 to 16 are possible");
    EXPECT_EQ(refused({.name = "d", .queues = 0}, 256), "d: 0 queues, where 1 to 16 are possible");
    EXPECT_EQ(refused({.name = "d", .queues = 2}, 256), "d: a backend for 256 requests");
}

TEST_F(VirtioBlock, Config_SaysWhatTheDiskIs) {
    EXPECT_EQ(bench.frontend().type(), 2);
    EXPECT_EQ(device->features(), 0x7644u);
    EXPECT_EQ(to_hex(device->config()),
              "0010000000000000"  // capacity
              "00000000"
              "fe000000"  // size_max, seg_max
              "00000000"
              "00020000"  // geometry, blk_size
              "0300"
              "0800"
              "00000000"  // topology
              "00"
              "00"
              "0200"  // writeback, unused, num_queues
              "00002000"
              "20000000"
              "08000000"
              "00000200"
              "04000000"
              "01000000");
}

TEST_F(VirtioBlock, Read_GivesSectorsAndStatus) {
    bench.start();
    driver.offer(0, 0, blk::kTypeIn, 7, 1024);
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_TRUE(std::ranges::equal(driver.data(0, 0, 1024), sectors(7, 2)));
    EXPECT_THAT(bench.queue(0).used(), ElementsAre(Used{0, 1025}));
    EXPECT_EQ(bench.interrupts(0), 1u);
    EXPECT_EQ(counter("read_requests"), 1u);
    EXPECT_EQ(counter("read_bytes"), 1024u);
    EXPECT_EQ(bench.memory.leases(), 0u);
}

TEST_F(VirtioBlock, Write_ChangesTheDisk) {
    bench.start();
    std::ranges::fill(driver.data(0, 0, 4096), std::byte{0xa5});
    driver.offer(0, 0, blk::kTypeOut, kDiskSectors - 8, 4096);
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_TRUE(std::ranges::equal(driver.data(0, 0, 4096), sectors(kDiskSectors - 8, 8)));
    EXPECT_THAT(bench.queue(0).used(), ElementsAre(Used{0, 1}));
    EXPECT_EQ(counter("write_requests"), 1u);
    EXPECT_EQ(counter("write_bytes"), 4096u);
    EXPECT_EQ(disk->syncs, 0u);
}

TEST_F(VirtioBlock, Flush_Syncs) {
    bench.start();
    driver.offer(0, 0, blk::kTypeFlush, 0, 0);
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_EQ(disk->syncs, 1u);
    EXPECT_EQ(counter("flushes"), 1u);
}

TEST_F(VirtioBlock, DriverWithoutFlush_HasStableWrites) {
    bench.start(blk::kFlush);
    driver.offer(0, 0, blk::kTypeOut, 0, 512);
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_EQ(disk->syncs, 1u);
    driver.offer(0, 0, blk::kTypeFlush, 0, 0);
    EXPECT_EQ(finish(), blk::kUnsupported);
}

TEST_F(VirtioBlock, GetId_GivesTheSerial) {
    bench.start();
    driver.offer(0, 0, blk::kTypeGetId, 0, 20);
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_EQ(bench.text(driver.data_at(0, 0), 20), std::string("rvmm-0001").append(11, '\0'));
    EXPECT_THAT(bench.queue(0).used(), ElementsAre(Used{0, 21}));
    driver.offer(0, 0, blk::kTypeGetId, 0, 5);
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_THAT(bench.queue(0).used(), ElementsAre(Used{0, 6}));
    driver.offer(0, 0, blk::kTypeGetId, 0, 512);
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_THAT(bench.queue(0).used(), ElementsAre(Used{0, 20})) << "the status lies further on";
}

TEST_F(VirtioBlock, AnyFraming_IsTheSameRequest) {
    bench.start();
    const std::uint64_t header = driver.header_at(0, 0);
    const std::uint64_t data = driver.data_at(0, 0);
    // A write whose header and data share a descriptor, and whose header is split.
    driver.put_header(0, 0, blk::kTypeOut, 3);
    std::ranges::copy(bench.memory.at(header, 16), bench.memory.at(data, 16).begin());
    std::ranges::fill(bench.memory.at(data + 16, 512), std::byte{0x77});
    bench.queue(0).offer(
        0,
        {{data, 5}, {data + 5, 100}, {data + 105, 423}, {driver.status_at(0, 0), 1, kPartWrite}});
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_TRUE(std::ranges::all_of(sectors(3, 1), [](auto b) { return b == std::byte{0x77}; }));
    // A read whose data and status share one.
    driver.put_header(0, 0, blk::kTypeIn, 3);
    bench.queue(0).offer(0, {{header, 16}, {data, 100, kPartWrite}, {data + 100, 413, kPartWrite}});
    finish();
    EXPECT_TRUE(std::ranges::equal(bench.memory.at(data, 512), sectors(3, 1)));
    EXPECT_EQ(bench.memory.at(data + 512, 1)[0], std::byte{blk::kOk});
    EXPECT_EQ(bench.queue(0).used().back(), (Used{0, 513}));
}

TEST_F(VirtioBlock, DiscardAndWriteZeroes_ZeroTheirRanges) {
    bench.start();
    for (const std::uint32_t type : {blk::kTypeDiscard, blk::kTypeWriteZeroes}) {
        std::ranges::fill(disk->image, std::byte{1});
        driver.put_ranges(0, 0, {{0, 8}, {kDiskSectors - 1, 1}});
        driver.offer(0, 0, type, 0, 32);
        EXPECT_EQ(finish(), blk::kOk);
        for (const auto& range : {sectors(0, 8), sectors(kDiskSectors - 1, 1)})
            EXPECT_EQ(range[0], std::byte{0});
        EXPECT_EQ(std::ranges::count(disk->image, std::byte{0}), 9 * 512);
    }
    EXPECT_EQ(disk->allocates, 4u);
}

TEST_F(VirtioBlock, WriteZeroes_KeepsItsSpaceUnlessToldOtherwise) {
    bench.start();
    std::vector<int> modes;
    disk->instead = [&](const BlockRequest::Call& call) { return modes.push_back(call.mode), 0; };
    for (const std::vector<BlockDriver::Range>& ranges :
         {std::vector<BlockDriver::Range>{{0, 1, 1}, {9, 1, 1}}, {{0, 1, 1}, {9, 1, 0}}}) {
        driver.put_ranges(0, 0, ranges);
        driver.offer(0, 0, blk::kTypeWriteZeroes, 0, 32);
        EXPECT_EQ(finish(), blk::kOk);
    }
    EXPECT_THAT(modes, ElementsAre(3, 3, 0x11, 0x11));  // PUNCH_HOLE, ZERO_RANGE; KEEP_SIZE
}

TEST_F(VirtioBlock, Ranges_AreChecked) {
    bench.start();
    struct Case {
        std::uint32_t type;
        std::vector<BlockDriver::Range> ranges;
        std::uint8_t status;
    };
    const std::vector<Case> cases = {
        {blk::kTypeDiscard, {{0, 1, 1}}, blk::kUnsupported},
        {blk::kTypeDiscard, {{0, 1, 2}}, blk::kUnsupported},
        {blk::kTypeWriteZeroes, {{0, 1, 2}}, blk::kUnsupported},
        {blk::kTypeWriteZeroes, {{0, 0}, {0, 1, 0x80000000}}, blk::kUnsupported},
        {blk::kTypeDiscard, {{0, 0}}, blk::kIoError},
        {blk::kTypeDiscard, {{kDiskSectors, 1}}, blk::kIoError},
        {blk::kTypeDiscard, {{kDiskSectors - 1, 2}}, blk::kIoError},
        {blk::kTypeDiscard, {{UINT64_MAX, 2}}, blk::kIoError},
        {blk::kTypeDiscard, {{1, UINT32_MAX}}, blk::kIoError},
        {blk::kTypeWriteZeroes, {{1ULL << 55, 1}}, blk::kIoError},
        {blk::kTypeWriteZeroes, {5, {0, 1}}, blk::kIoError},
        {blk::kTypeDiscard, {33, {0, 1}}, blk::kIoError},
        {blk::kTypeDiscard, {32, {0, 1}}, blk::kOk},
        {blk::kTypeWriteZeroes, {4, {0, 1}}, blk::kOk},
        {blk::kTypeDiscard, {}, blk::kIoError},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        driver.put_ranges(0, 0, cases[i].ranges);
        driver.offer(0, 0, cases[i].type, 0,
                     static_cast<std::uint32_t>(16 * cases[i].ranges.size()));
        EXPECT_EQ(finish(), cases[i].status) << i;
    }
    driver.put_ranges(0, 0, {{0, 1}, {0, 1}});
    driver.offer(0, 0, blk::kTypeDiscard, 0, 24);
    EXPECT_EQ(finish(), blk::kIoError) << "half a range";
    EXPECT_FALSE(bench.needs_reset());
}

TEST_F(VirtioBlock, RangesAfterAnError_AreLeft) {
    bench.start();
    disk->instead = [&](const BlockRequest::Call& call) { return call.offset == 512 ? -EIO : 0; };
    driver.put_ranges(0, 0, {{0, 1}, {1, 1}, {2, 1}});
    driver.offer(0, 0, blk::kTypeDiscard, 0, 48);
    EXPECT_EQ(finish(), blk::kIoError);
    EXPECT_EQ(disk->allocates, 1u);
}

TEST_F(VirtioBlock, BadRequests_AreAnsweredWithAnError) {
    bench.start();
    struct Case {
        std::uint32_t type;
        std::uint64_t sector;
        std::uint32_t size;
        std::uint8_t status;
    };
    const Case cases[] = {
        {blk::kTypeIn, 0, 0, blk::kIoError},
        {blk::kTypeOut, 0, 0, blk::kIoError},
        {blk::kTypeIn, 0, 511, blk::kIoError},
        {blk::kTypeOut, 0, 513, blk::kIoError},
        {blk::kTypeIn, kDiskSectors, 512, blk::kIoError},
        {blk::kTypeOut, kDiskSectors - 1, 1024, blk::kIoError},
        {blk::kTypeIn, UINT64_MAX, 512, blk::kIoError},
        {blk::kTypeOut, UINT64_MAX - 1, 1024, blk::kIoError},
        {blk::kTypeIn, 1ULL << 55, 512, blk::kIoError},
        {2, 0, 512, blk::kUnsupported},
        {10, 0, 512, blk::kUnsupported},
        {14, 0, 16, blk::kUnsupported},
        {16, 0, 512, blk::kUnsupported},
        {UINT32_MAX, 0, 512, blk::kUnsupported},
    };
    const Bytes before = disk->image;
    for (const Case& bad : cases) {
        driver.offer(0, 0, bad.type, bad.sector, bad.size);
        EXPECT_EQ(finish(), bad.status) << bad.type << " " << bad.sector << " " << bad.size;
        const auto used = bench.queue(0).used();
        ASSERT_EQ(used.size(), 1u);
        EXPECT_EQ(used[0].length, bad.type == blk::kTypeIn && bad.size > 0 ? 0u : 1u);
    }
    // Data in the wrong direction is no data.
    driver.put_header(0, 0, blk::kTypeIn, 0);
    bench.queue(0).offer(0, {{driver.header_at(0, 0), 16},
                             {driver.data_at(0, 0), 512},
                             {driver.status_at(0, 0), 1, kPartWrite}});
    EXPECT_EQ(finish(), blk::kIoError);
    driver.put_header(0, 0, blk::kTypeOut, 0);
    bench.queue(0).offer(0, {{driver.header_at(0, 0), 16},
                             {driver.data_at(0, 0), 512, kPartWrite},
                             {driver.status_at(0, 0), 1, kPartWrite}});
    EXPECT_EQ(finish(), blk::kIoError);
    EXPECT_FALSE(bench.needs_reset());
    EXPECT_EQ(disk->image, before);
    EXPECT_EQ(counter("io_errors"), std::size(cases) + 2);
}

TEST_F(VirtioBlock, RequestThatCannotBeAnswered_FailsTheDevice) {
    const std::uint64_t header = driver.header_at(0, 0);
    const std::uint64_t data = driver.data_at(0, 0);
    const std::vector<std::vector<Part>> shapes = {
        {{header, 16}},                                           // no status
        {{header, 16}, {data, 512}},                              // all readable
        {{data, 512, kPartWrite}},                                // all writable
        {{header, 15}, {driver.status_at(0, 0), 1, kPartWrite}},  // short header
        {{driver.status_at(0, 0), 1, kPartWrite}, {header, 16}},  // wrong order
        {{header, 16}, {data, 0}, {data, 1, kPartWrite}},         // nothing
        {{header, 16}, {data, 0xffffffff, kPartWrite}},           // too much
        {{header, 16}, {1ULL << 38, 512, kPartWrite}},            // no RAM
        {{UINT64_MAX - 7, 16}, {data, 1, kPartWrite}},            // wraps
    };
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        bench.start();
        driver.put_header(0, 0, blk::kTypeIn, 0);
        bench.queue(0).offer(0, shapes[i]);
        driver.offer(0, 2, blk::kTypeIn, 0, 512);  // behind it: not looked at
        bench.kick(0);
        EXPECT_TRUE(bench.needs_reset()) << i;
        EXPECT_EQ(disk->waiting(), 0u) << i;
        EXPECT_EQ(bench.memory.leases(), 0u) << i;
        bench.reset();
    }
    bench.start();
    driver.offer(0, 0, blk::kTypeIn, 0, 512);
    EXPECT_EQ(finish(), blk::kOk) << "after a reset it is as good as new";
}

TEST_F(VirtioBlock, IoErrors_ReachTheGuest) {
    bench.start();
    disk->instead = [](const BlockRequest::Call&) { return -EIO; };
    for (const std::uint32_t type : {blk::kTypeIn, blk::kTypeOut, blk::kTypeFlush}) {
        driver.offer(0, 0, type, 0, type == blk::kTypeFlush ? 0 : 512);
        EXPECT_EQ(finish(), blk::kIoError);
    }
    EXPECT_EQ(counter("io_errors"), 3u);
    EXPECT_EQ(counter("read_requests") + counter("write_requests") + counter("flushes"), 0u);
    disk->instead = nullptr;
    driver.offer(0, 0, blk::kTypeIn, 0, 512);
    EXPECT_EQ(finish(), blk::kOk);
}

TEST_F(VirtioBlock, Requests_GoToTheBackendTogetherAndBackTogether) {
    bench.start();
    for (unsigned queue = 0; queue < kDiskQueues; ++queue)
        for (unsigned slot = 0; slot < BlockDriver::kSlots; ++slot)
            driver.offer(queue, slot, blk::kTypeIn, slot, 512);
    const unsigned submits = disk->submits;
    bench.kick(0);
    EXPECT_EQ(disk->submits, submits + 1);
    bench.kick(1);
    EXPECT_EQ(disk->waiting(), 8u);
    disk->run();
    for (unsigned queue = 0; queue < kDiskQueues; ++queue) {
        EXPECT_EQ(bench.queue(queue).used().size(), 4u);
        EXPECT_EQ(bench.interrupts(queue), 1u);
    }
}

TEST_F(VirtioBlock, Reset_WaitsForWhatIsInFlight) {
    bench.start();
    driver.offer(0, 0, blk::kTypeIn, 0, 512);
    driver.put_ranges(1, 0, {{0, 1}, {1, 1}});
    driver.offer(1, 0, blk::kTypeDiscard, 0, 32);
    bench.kick(0);
    bench.kick(1);
    bench.frontend().set_status(0);
    bench.settle();
    EXPECT_NE(bench.frontend().status(), 0);
    EXPECT_GT(bench.memory.leases(), 0u);
    disk->run();
    EXPECT_EQ(bench.frontend().status(), 0);
    EXPECT_EQ(bench.memory.leases(), 0u);
    EXPECT_EQ(disk->allocates, 1u) << "the second range is not begun";
}

TEST_F(VirtioBlock, FailureWithIoInFlight_IsResetCleanly) {
    bench.start();
    driver.offer(0, 0, blk::kTypeIn, 0, 512);
    bench.kick(0);
    bench.queue(0).offer(8, {{driver.header_at(0, 1), 16}});
    bench.kick(0);
    EXPECT_TRUE(bench.needs_reset());
    disk->run();
    bench.reset();
    bench.start();
    driver.offer(0, 0, blk::kTypeIn, 0, 512);
    EXPECT_EQ(finish(), blk::kOk);
}

TEST_F(VirtioBlock, PagesTurnedPrivateInFlight_BreakTheQueueAlone) {
    bench.start();
    driver.offer(0, 0, blk::kTypeIn, 7, 512);
    bench.kick(0);
    bench.memory.make_private(18);  // the data: the lease outlives it
    disk->run();
    EXPECT_EQ(driver.status(0, 0), blk::kOk);
    driver.offer(0, 0, blk::kTypeIn, 7, 512);
    driver.offer(1, 0, blk::kTypeIn, 7, 512);
    bench.kick(1);
    bench.memory.make_private(1);  // queue 1's rings
    disk->run();
    EXPECT_TRUE(bench.needs_reset());
    EXPECT_EQ(bench.memory.leases(), 0u);
}

TEST_F(VirtioBlock, FiftyRounds_WithIoInFlight) {
    for (unsigned round = 0; round < 50; ++round) {
        bench.start();
        for (unsigned slot = 0; slot < BlockDriver::kSlots; ++slot)
            driver.offer(round % 2, slot, blk::kTypeOut, slot, 512);
        bench.kick(round % 2);
        bench.frontend().set_status(0);
        bench.settle();
        drain();
        EXPECT_EQ(bench.frontend().status(), 0) << round;
    }
    EXPECT_EQ(counter("write_requests"), 200u);
}

TEST_F(ReadOnlyVirtioBlock, Writes_AreErrors) {
    EXPECT_EQ(device->features(), 0x1664u);
    bench.start();
    const Bytes before = disk->image;
    driver.offer(0, 0, blk::kTypeOut, 0, 512);
    EXPECT_EQ(finish(), blk::kIoError);
    driver.put_ranges(0, 0, {{0, 1}});
    driver.offer(0, 0, blk::kTypeWriteZeroes, 0, 16);
    EXPECT_EQ(finish(), blk::kIoError);
    driver.offer(0, 0, blk::kTypeFlush, 0, 0);
    EXPECT_EQ(finish(), blk::kOk);
    driver.offer(0, 0, blk::kTypeIn, 1, 512);
    EXPECT_EQ(finish(), blk::kOk);
    EXPECT_EQ(disk->image, before);
}

}  // namespace
}  // namespace rvmm::devices::virtio
