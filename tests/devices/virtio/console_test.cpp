// Configuration, setup and the control messages of the console.
#include "devices/virtio/console_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

using VirtioConsole = ConsoleBench;

TEST_F(VirtioConsole, Config_SaysSizeAndPorts) {
    setup.size = ConsoleSize{.columns = 0x1122, .rows = 0x3344};
    setup.emergency_write = true;
    attach();
    EXPECT_EQ(bench.frontend().type(), 3u);
    EXPECT_EQ(bench.frontend().queue_count(), 8u);
    EXPECT_EQ(bench.frontend().device_features(0) & 7, 7u);
    std::array<std::byte, 16> config{};
    bench.frontend().read_config(0, config);
    EXPECT_EQ(to_hex(config), "22114433030000000000000000000000");
}

TEST_F(VirtioConsole, Setup_IsChecked) {
    setup.ports[1].output = nullptr;
    EXPECT_FALSE(Console::create(bench.loop, setup));
    setup.ports[1] = {std::string(256, 'n'), &sinks[1]};
    EXPECT_FALSE(Console::create(bench.loop, setup));
    setup.ports.assign(32, {"", &sinks[0]});
    EXPECT_FALSE(Console::create(bench.loop, setup));
    setup.ports.pop_back();
    EXPECT_TRUE(Console::create(bench.loop, setup));
    setup.ports.clear();
    EXPECT_FALSE(Console::create(bench.loop, setup));
}

TEST_F(VirtioConsole, Ports_AreAnnouncedNamedAndOpened) {
    setup.size = ConsoleSize{.columns = 0x4241, .rows = 0x4443};
    start();
    EXPECT_TRUE(told().empty());
    control(7, kReady, 1);
    EXPECT_EQ(told(), (Messages{"0:1:1", "1:1:1", "2:1:1"}));
    control(0, kPortIsReady, 1);
    EXPECT_EQ(told(), (Messages{"0:4:1", "0:5:1 ABCD", "0:6:1"}));
    control(1, kPortIsReady, 1);
    EXPECT_EQ(told(), (Messages{"1:7:1 org.test.0", "1:6:1"}));
    EXPECT_TRUE(changes.empty());
    control(0, kOpened, 1);
    control(1, kOpened, 1);
    control(1, kOpened, 1);
    control(1, kOpened, 0);
    EXPECT_EQ(changes, (Changes{{0, true}, {1, true}, {1, false}}));
    EXPECT_TRUE(console->is_open(0));
    EXPECT_FALSE(console->is_open(1));
    control(0, kPortIsReady, 0);
    EXPECT_FALSE(console->is_open(0));
    EXPECT_EQ(counter(2), 0u);
    bench.reset();
    start();
    control(7, kReady, 1);
    EXPECT_EQ(told().size(), 3u) << "ports start anew";
}

TEST_F(VirtioConsole, DriverThatGivesNoBuffers_IsToldLater) {
    attach();
    bench.start();
    control(0, kReady, 1);
    for (int i = 0; i < 200; ++i) control(1, kPortIsReady, 1);
    EXPECT_TRUE(bench.queue(kControlIn).used().empty());
    for (std::uint16_t i = 0; i < 3; ++i)
        bench.queue(kControlIn).offer(i, {{control_buffer(i), 64, kPartWrite}});
    bench.kick(kControlIn);
    EXPECT_EQ(told(), (Messages{"0:1:1", "1:1:1", "1:7:1 org.test.0"}));
    bench.kick(kControlIn);
    EXPECT_EQ(told(), (Messages{"1:6:1", "2:1:1"}));
}

TEST_F(VirtioConsole, DriverThatGivesUp_HasNoPorts) {
    start();
    control(0, kReady, 0);
    EXPECT_TRUE(told().empty());
    EXPECT_EQ(counter(2), 1u);
}

TEST_F(VirtioConsole, SenselessMessages_AreIgnored) {
    start();
    control(0, kPortIsReady, 1);  // not announced
    control(0, kReady, 1);
    control(0, kReady, 1);  // twice
    EXPECT_EQ(told().size(), 3u);
    control(3, kPortIsReady, 1);
    control(UINT32_MAX, kOpened, 1);
    control(0, kOpened, 2);
    control(0, kIsConsole, 1);
    control(0, kAdded, 1);
    control(0, UINT16_MAX, 1);
    for (const std::size_t size : {1U, 4U, 7U}) control(Bytes(size));
    EXPECT_EQ(counter(2), 10u);
    Bytes large(20000, std::byte{0});
    large[0] = std::byte{1};
    large[4] = std::byte{kOpened};
    large[6] = std::byte{1};
    control(large);
    EXPECT_EQ(changes, (Changes{{1, true}}));
    EXPECT_FALSE(bench.needs_reset());
}

TEST_F(VirtioConsole, WithoutMultiport_PortZeroAloneWorks) {
    start(Console::kMultiport);
    EXPECT_EQ(changes, (Changes{{0, true}}));
    control(0, kReady, 1);
    EXPECT_TRUE(bench.queue(kControlOut).used().empty());
    write(1, 0, "hello");
    write(5, 0, "nobody");
    EXPECT_EQ(sinks[0].text, "hello");
    EXPECT_TRUE(sinks[1].text.empty());
    EXPECT_EQ(console->input(0, as_bytes("x")), 1u);
    EXPECT_EQ(console->input(1, as_bytes("x")), 0u);
    bench.queue(0).offer(0, {{kIn, 8, kPartWrite}});
    bench.kick(0);
    EXPECT_EQ(bench.text(kIn, 1), "x");
    bench.reset();
    EXPECT_EQ(changes, (Changes{{0, true}, {0, false}}));
}

TEST_F(VirtioConsole, EmergencyWrite_NeedsNoDriver) {
    setup.emergency_write = true;
    attach();
    bench.frontend().write_config(8, Bytes{std::byte{'!'}, std::byte{'x'}});
    bench.frontend().write_config(4, Bytes(8, std::byte{'?'}));
    for (const std::uint64_t offset : {0U, 9U, 12U})
        bench.frontend().write_config(offset, Bytes(4));
    bench.frontend().write_config(UINT64_MAX, Bytes(4));
    bench.settle();
    EXPECT_EQ(sinks[0].text, "!?");
}

}  // namespace
}  // namespace rvmm::devices::virtio
