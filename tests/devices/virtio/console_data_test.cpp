// Output, input, hostile drivers and resets of the console.
#include "devices/virtio/console_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

using VirtioConsoleData = ConsoleBench;

TEST_F(VirtioConsoleData, Output_GoesToItsPortInPieces) {
    start_open();
    const std::string text(10'000, 'o');
    write(1, 0, text);
    EXPECT_EQ(sinks[0].text, text);
    EXPECT_EQ(sinks[0].pieces, 3u);
    write(5, 0, "one");
    write(7, 0, "two");
    EXPECT_EQ(sinks[1].text, "one");
    EXPECT_EQ(sinks[2].text, "two");
    EXPECT_EQ(bench.queue(1).used(), (Used{{0, 0}}));
    EXPECT_EQ(bench.memory.leases(), 0u);
    EXPECT_EQ(counter(1), 10'006u);
}

TEST_F(VirtioConsoleData, FullSink_HoldsOutputInOrder) {
    start_open();
    sinks[0].room = ConsolePort::kPiece + 10;
    std::string all;
    for (std::uint16_t i = 0; i < 6; ++i) {
        const std::string text(3000, static_cast<char>('a' + i));
        bench.put(kOut + 3000U * i, text);
        bench.queue(1).offer(static_cast<std::uint16_t>(2 * i),
                             {{kOut + 3000U * i, 1000}, {kOut + 3000U * i + 1000, 2000}});
        all += text;
    }
    bench.kick(1);
    EXPECT_EQ(sinks[0].text, all.substr(0, 3000));
    EXPECT_EQ(bench.queue(1).used().size(), 1u);
    console->output_drained(0);
    EXPECT_EQ(sinks[0].text.size(), 3000u) << "there is no room yet";
    write(5, 0, "others go on");
    EXPECT_EQ(sinks[1].text, "others go on");
    while (sinks[0].text.size() < all.size()) {
        const auto before = sinks[0].text.size();
        sinks[0].room += 3000;
        console->output_drained(0);
        ASSERT_GT(sinks[0].text.size(), before);
        bench.kick(1);
    }
    EXPECT_EQ(sinks[0].text, all);
    EXPECT_EQ(bench.queue(1).used().size(), 5u);
    EXPECT_EQ(bench.memory.leases(), 0u);
}

TEST_F(VirtioConsoleData, LargeOutput_LeavesTurnsToOthers) {
    start_open();
    // 16 chains of an indirect table that names 160 KiB six times.
    constexpr std::uint32_t kSize = 160 * 1024;
    const std::uint64_t table = bench.address(60);
    for (std::size_t i = 0; i < 6; ++i)
        bench.queue(1).indirect(
            table, i,
            {kOut, kSize, i < 5 ? kPartNext : std::uint16_t{0}, static_cast<std::uint16_t>(i + 1)});
    for (std::uint16_t i = 0; i < 16; ++i)
        bench.queue(1).offer(i, {{table, 6 * 16, kPartIndirect}});
    bench.frontend().notify(1);
    bench.loop.restart();
    while (sinks[0].text.empty()) bench.loop.run_one();
    EXPECT_LE(sinks[0].text.size(), 256u * 1024);
    console->output_drained(0);  // at any time
    bench.settle();
    EXPECT_EQ(sinks[0].text.size(), std::size_t{16} * 6 * kSize);
    EXPECT_EQ(bench.queue(1).used().size(), 16u);
}

TEST_F(VirtioConsoleData, Input_IsForOpenPortsAndBounded) {
    start_open();
    control(1, kOpened, 0);
    unsigned wanted = 0;
    console->set_input_wanted(1, [&] { ++wanted; });
    EXPECT_EQ(console->input(1, as_bytes("early")), 0u);
    control(1, kOpened, 1);
    EXPECT_EQ(wanted, 1u);
    const std::string text(6000, 'i');
    EXPECT_EQ(console->input(1, as_bytes(text)), ConsolePort::kInputLimit);
    EXPECT_EQ(console->input(1, as_bytes(text)), 0u);
    EXPECT_EQ(wanted, 1u);
    bench.queue(4).offer(0, {{kIn, 1000, kPartWrite}});
    bench.queue(4).offer(1, {{kIn + 1000, 500, kPartWrite}, {kIn + 1500, 500, kPartWrite}});
    bench.kick(4);
    EXPECT_EQ(bench.text(kIn, 2001), text.substr(0, 2000) + '\0');
    EXPECT_EQ(bench.queue(4).used(), (Used{{0, 1000}, {1, 1000}}));
    EXPECT_EQ(wanted, 1u);
    bench.queue(4).offer(3, {{kIn, 1 << 16, kPartWrite}});
    bench.kick(4);
    EXPECT_EQ(bench.queue(4).used(), (Used{{3, 2096}}));
    EXPECT_EQ(wanted, 2u);
    EXPECT_EQ(counter(0), 4096u);
}

TEST_F(VirtioConsoleData, Input_GoesToWaitingBuffersAtOnce) {
    start_open();
    for (std::uint16_t i = 0; i < 4; ++i)
        bench.queue(0).offer(i, {{kIn + 16U * i, 16, kPartWrite}});
    bench.kick(0);
    EXPECT_TRUE(bench.queue(0).used().empty());
    EXPECT_EQ(console->input(0, as_bytes("ls\n")), 3u);
    EXPECT_EQ(console->input(0, as_bytes("twenty bytes and more")), 21u);
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 3}, {1, 16}, {2, 5}}));
    EXPECT_EQ(bench.text(kIn, 3), "ls\n");
    EXPECT_EQ(bench.text(kIn + 16, 21), "twenty bytes and more");
    control(0, kOpened, 0);
    EXPECT_EQ(console->input(0, as_bytes("late")), 0u);
    EXPECT_EQ(bench.memory.leases(), 0u);
}

TEST_F(VirtioConsoleData, HostileChains_NeedAReset) {
    attach();
    bench.memory.make_private(50);
    struct Hostile {
        unsigned queue;
        std::vector<Part> parts;
    };
    std::vector<Hostile> all = {
        {kControlIn, {{kOut, 64}}},                         // to read
        {kControlIn, {{kOut, 64}, {kIn, 64, kPartWrite}}},  // in part
        {kControlIn, {{kIn, 7, kPartWrite}}},               // short
        {kControlOut, {{kIn, 8, kPartWrite}}},              // to write
        {kControlOut, {{kOut, 8}, {kIn, 8, kPartWrite}}},   // in part
    };
    for (const unsigned queue : {1U, 7U}) {
        all.push_back({queue, {{kIn, 8, kPartWrite}}});
        all.push_back({queue, {{kOut, 8}, {kIn, 8, kPartWrite}}});
    }
    for (const unsigned queue : {0U, 6U}) {
        all.push_back({queue, {{kOut, 8}}});
        all.push_back({queue, {{kOut, 8}, {kIn, 8, kPartWrite}}});
    }
    for (const unsigned queue : {0U, 1U, kControlIn, kControlOut, 6U, 7U}) {
        const std::uint16_t flags = queue % 2 == 0 ? kPartWrite : 0;
        for (const auto& [address, length] : {std::pair(kOut, 0U),
                                              {kOut, UINT32_MAX},
                                              {UINT64_MAX - 3, 64U},
                                              {0UL, 64U},
                                              {bench.address(63, 4090), 64U},
                                              {bench.address(50), 64U}})
            all.push_back({queue, {{address, length, flags}}});
        all.push_back({queue, {{kOut, 16, kPartIndirect}}});
    }
    for (const auto& [queue, parts] : all) {
        bench.start();
        control(0, kReady, 1);
        control(0, kOpened, 1);
        control(2, kOpened, 1);
        (void)console->input(0, as_bytes("wait"));
        (void)console->input(2, as_bytes("wait"));
        ASSERT_FALSE(bench.needs_reset());
        bench.put(kOut, Bytes(64));
        bench.queue(queue).offer(4, parts);
        bench.kick(queue);
        EXPECT_TRUE(bench.needs_reset()) << queue;
        EXPECT_FALSE(console->is_open(0)) << "typing goes elsewhere";
        EXPECT_EQ(console->input(2, as_bytes("more")), 0u);
        console->output_drained(0);
        bench.reset();
    }
    start_open();
    write(1, 0, "and again");
    EXPECT_EQ(sinks[0].text, "and again");
}

TEST_F(VirtioConsoleData, RingTurnedPrivate_NeedsAReset) {
    start_open();
    bench.memory.make_private(0);
    EXPECT_EQ(console->input(0, as_bytes("lost")), 4u);
    EXPECT_TRUE(bench.needs_reset());
    EXPECT_FALSE(console->is_open(0));
}

TEST_F(VirtioConsoleData, ResetWhileTheSinkIsFull_DropsWhatIsHeld) {
    start_open();
    sinks[0].room = 0;
    write(1, 0, "held");
    EXPECT_GT(bench.memory.leases(), 0u);
    bench.reset();
    EXPECT_EQ(bench.memory.leases(), 0u);
    sinks[0].room = SIZE_MAX;
    console->output_drained(0);
    EXPECT_TRUE(sinks[0].text.empty());
    EXPECT_EQ(console->input(0, as_bytes("x")), 0u);
}

TEST_F(VirtioConsoleData, FiftyRounds_OfStartAndStop) {
    for (int round = 0; round < 50; ++round) {
        start_open();
        sinks[0].room = sinks[0].text.size() + (round % 3 == 0 ? 0 : 100);
        write(1, 0, "round");
        (void)console->input(0, as_bytes("typed"));
        if (round % 2 == 0) bench.queue(0).offer(0, {{kIn, 8, kPartWrite}});
        bench.frontend().notify(0);
        bench.reset();
    }
    EXPECT_EQ(changes.size(), 50u * 6);
    EXPECT_EQ(sinks[0].text.size(), 33u * 5);
    EXPECT_EQ(bench.memory.leases(), 0u);
}

}  // namespace
}  // namespace rvmm::devices::virtio
