// Devices in a machine: a driver in the guest reaches them by the board's addresses, KVM's
// doorbells and KVM's interrupts, in every kind of guest and by both transports.
#include "vmm/machine/device_set.hpp"

#include <algorithm>
#include <fstream>

#include <asio/post.hpp>

#include "vmm/machine/device_machine.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::uint16_t kBlockType = 2;
constexpr std::uint16_t kConsoleType = 3;
constexpr std::uint16_t kRngType = 4;
constexpr std::uint64_t kPageOne = DeviceMachine::kBuffers;
constexpr std::uint64_t kPageTwo = kPageOne + 4096;

class DeviceSetTest : public ::testing::TestWithParam<MachineKind> {
  protected:
    DeviceMachine machine{GetParam()};
};

/// Where memory can be private.
class DeviceSetInRealm : public DeviceSetTest {};

std::string text_of(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t counter_of(const DeviceReport& report, std::string_view name) {
    for (const auto& [known, value] : report.counters)
        if (known == name) return value;
    ADD_FAILURE() << report.name << " does not count " << name;
    return 0;
}

/// A request of virtio-blk: its header is in page one, data in page two.
std::optional<std::uint8_t> disk_request(LiveGuest& guest, VirtioDriver& disk, std::uint32_t type,
                                         std::uint64_t sector, std::uint32_t size) {
    const MutableByteSpan header = guest.memory(kPageOne, 17);
    store_le(header, type);
    store_le(header.subspan(4), std::uint32_t{0});
    store_le(header.subspan(8), sector);
    header[16] = std::byte{0xee};
    const bool reads = type == 0 || type == 8;
    std::vector<GuestBuffer> chain = {{kPageOne, 16}};
    if (size > 0) chain.push_back({kPageTwo, size, reads});
    chain.push_back({kPageOne + 16, 1, true});
    disk.queue(0).offer(chain);
    disk.notify(0);
    if (!disk.queue(0).wait_used()) return std::nullopt;
    return std::to_integer<std::uint8_t>(guest.memory(kPageOne + 16, 1)[0]);
}

TEST_P(DeviceSetTest, Rng_GivesBytesThroughDoorbellAndInterrupt) {
    machine.spec().devices = {machine.device("rng0", realm::RngSpec{})};
    const auto run = machine.run([&](LiveGuest& guest) {
        const auto rng = machine.driver(guest, 0, kRngType);
        rng->start(DeviceMachine::kRings, 1);
        EXPECT_FALSE(rng->interrupted(0));
        rng->queue(0).offer({{kPageOne, 64, true}});
        rng->notify(0);
        EXPECT_EQ(rng->queue(0).wait_used(), 64u);
        EXPECT_TRUE(guest.eventually([&] { return rng->interrupted(0); }));
        const auto bytes = guest.memory(kPageOne, 64);
        EXPECT_FALSE(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; }));
    });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    ASSERT_EQ(run.report->devices.size(), 1u);
    const DeviceReport& rng = run.report->devices[0];
    EXPECT_EQ(rng.name, "rng0");
    EXPECT_EQ(counter_of(rng, "notifications"), 1u);
    EXPECT_EQ(counter_of(rng, "interrupts"), 1u);
    EXPECT_EQ(counter_of(rng, "errors"), 0u);
    EXPECT_EQ(rng.last_error, "");
    EXPECT_EQ(run.report->counters.unclaimed_mmio, 0u);
    EXPECT_EQ(machine.fake.open_descriptors(), 0u);
}

TEST_P(DeviceSetTest, Disk_IsReadAndWritten) {
    machine.spec().devices = {machine.make_disk("disk0", 1 << 20)};
    const auto run = machine.run([&](LiveGuest& guest) {
        const auto disk = machine.driver(guest, 0, kBlockType);
        disk->start(DeviceMachine::kRings, 1);
        EXPECT_EQ(disk->config(0, 4), (1U << 20) / 512);
        EXPECT_EQ(disk_request(guest, *disk, 0, 0, 512), 0);
        EXPECT_EQ(text_of(guest.memory(kPageTwo, 25)), "the first sector of disk0");
        std::ranges::copy(as_bytes("written"), guest.memory(kPageTwo, 512).begin());
        EXPECT_EQ(disk_request(guest, *disk, 1, 2047, 512), 0);
        EXPECT_EQ(disk_request(guest, *disk, 4, 0, 0), 0) << "flush";
        EXPECT_EQ(disk_request(guest, *disk, 0, 2048, 512), 1) << "behind the end";
        EXPECT_EQ(disk_request(guest, *disk, 8, 0, 20), 0);
        EXPECT_EQ(text_of(guest.memory(kPageTwo, 12)), "serial-disk0");
    });
    ASSERT_TRUE(run.report) << run.report.error().message();
    std::ifstream file(machine.path("disk0"));
    file.seekg(2047 * 512);
    std::string text(7, '\0');
    file.read(text.data(), 7);
    EXPECT_EQ(text, "written");
    // A request that is seen before its doorbell is heard needs none.
    const std::uint64_t heard = counter_of(run.report->devices.at(0), "notifications");
    EXPECT_GE(heard, 1u);
    EXPECT_LE(heard, 5u);
}

TEST_P(DeviceSetTest, Console_TakesTypedBytesOnceItIsOpen) {
    machine.spec().devices = {machine.device(
        "console0",
        realm::ConsoleSpec{{{.name = "console0", .mode = realm::ConsolePort::Mode::kStdio}}})};
    constexpr std::uint64_t kMultiport = 2;
    Machine* running = nullptr;
    asio::io_context* running_loop = nullptr;
    const auto type = [&](std::string text) {
        asio::post(*running_loop, [&running, text = std::move(text)] {
            EXPECT_EQ(running->devices().consoles().type(as_bytes(text)), text.size());
        });
    };
    const auto uart = [&](LiveGuest& guest) {
        const std::uint64_t base = machine.board().devices.at(0).registers.base().value;
        EXPECT_TRUE(guest.eventually([&] { return (guest.load(base + 5, 1) & 1) != 0; }));
        return static_cast<char>(guest.load(base, 1));
    };
    const auto run = machine.run(
        [&](LiveGuest& guest) {
            guest.store(machine.board().devices.at(0).registers.base().value, 'u', 1);
            type("a");
            EXPECT_EQ(uart(guest), 'a');
            const auto console = machine.driver(guest, 0, kConsoleType);
            console->start(DeviceMachine::kRings, 2, kMultiport);
            console->queue(0).offer({{kPageOne, 64, true}});
            console->notify(0);
            // What is written is used when the port runs: it is open then.
            std::ranges::copy(as_bytes("port"), guest.memory(kPageTwo, 4).begin());
            console->queue(1).offer({{kPageTwo, 4}});
            console->notify(1);
            EXPECT_EQ(console->queue(1).wait_used(), 0u);
            type("b");
            EXPECT_EQ(console->queue(0).wait_used(), 1u);
            EXPECT_EQ(text_of(guest.memory(kPageOne, 1)), "b");
            console->reset();
            EXPECT_TRUE(guest.eventually([&] { return console->status() == 0; }));
            type("c");
            EXPECT_EQ(uart(guest), 'c');
        },
        [&](Machine& made, asio::io_context& loop) {
            running = &made;
            running_loop = &loop;
        });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.console, "uport");
    EXPECT_EQ(counter_of(run.report->devices.at(0), "resets"), 1u);
}

TEST_P(DeviceSetTest, SeveralDevices_AreApartAndAllInTheReport) {
    machine.spec().devices = {machine.make_disk("one", 4096),
                              machine.device("rng0", realm::RngSpec{}),
                              machine.make_disk("two", 8192)};
    const auto run = machine.run([&](LiveGuest& guest) {
        const auto first = machine.driver(guest, 0, kBlockType);
        const auto rng = machine.driver(guest, 1, kRngType);
        const auto second = machine.driver(guest, 2, kBlockType);
        first->start(DeviceMachine::kRings, 1);
        rng->start(DeviceMachine::kRings + 4096, 1);
        second->start(DeviceMachine::kRings + 8192, 1);
        EXPECT_EQ(first->config(0, 4), 8u);
        EXPECT_EQ(second->config(0, 4), 16u);
        EXPECT_EQ(disk_request(guest, *second, 0, 0, 512), 0);
        EXPECT_EQ(text_of(guest.memory(kPageTwo, 23)), "the first sector of two");
        EXPECT_TRUE(guest.eventually([&] { return second->interrupted(0); }));
        EXPECT_FALSE(first->interrupted(0)) << "another device's interrupt";
        // A driver that breaks its device breaks no other.
        rng->queue(0).offer({{kPageOne, 64, false}});
        rng->notify(0);
        EXPECT_TRUE(guest.eventually([&] { return (rng->status() & 64) != 0; }));
        EXPECT_EQ(disk_request(guest, *first, 0, 0, 512), 0);
        EXPECT_EQ(text_of(guest.memory(kPageTwo, 23)), "the first sector of one");
    });
    ASSERT_TRUE(run.report) << run.report.error().message();
    const auto& devices = run.report->devices;
    ASSERT_EQ(devices.size(), 3u);
    EXPECT_EQ(devices[0].name, "one");
    EXPECT_EQ(devices[1].name, "rng0");
    EXPECT_EQ(devices[2].name, "two");
    for (const DeviceReport& device : devices) EXPECT_EQ(counter_of(device, "notifications"), 1u);
    EXPECT_EQ(counter_of(devices[1], "errors"), 1u);
    EXPECT_NE(devices[1].last_error, "");
    EXPECT_EQ(devices[0].last_error, "");
}

// Memory that is not shared is out of reach, and is when it was shared before.
TEST_P(DeviceSetInRealm, PrivateMemory_IsOutOfReach) {
    machine.spec().devices = {machine.device("rng0", realm::RngSpec{})};
    const auto run = machine.run([&](LiveGuest& guest) {
        const auto rng = machine.driver(guest, 0, kRngType);
        rng->start(DeviceMachine::kRings, 1);
        guest.unshare(kPageOne, 4096);
        rng->queue(0).offer({{kPageOne, 64, true}});
        rng->notify(0);
        EXPECT_TRUE(guest.eventually([&] { return (rng->status() & 64) != 0; }));
        rng->reset();
        EXPECT_TRUE(guest.eventually([&] { return rng->status() == 0; }));
        rng->start(DeviceMachine::kRings, 1);
        rng->queue(0).offer({{kPageTwo, 64, true}});
        rng->notify(0);
        EXPECT_EQ(rng->queue(0).wait_used(), 64u);
    });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_GE(run.report->counters.refused_accesses, 1u);
    EXPECT_EQ(counter_of(run.report->devices.at(0), "errors"), 1u);
}

INSTANTIATE_TEST_SUITE_P(All, DeviceSetTest, ::testing::ValuesIn(all_machine_kinds()), name_of);
INSTANTIATE_TEST_SUITE_P(
    All, DeviceSetInRealm,
    ::testing::Values(MachineKind{GuestOn::kEmulatedRealm, realm::Transport::kMmio},
                      MachineKind{GuestOn::kEmulatedRealm, realm::Transport::kPci},
                      MachineKind{GuestOn::kCcaRealm, realm::Transport::kMmio},
                      MachineKind{GuestOn::kCcaRealm, realm::Transport::kPci}),
    name_of);

}  // namespace
}  // namespace rvmm::vmm
