// The devices of a config: [[disk]], [[net]], [[vsock]], [rng] and [[console]].
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {
namespace {

using testing::ElementsAre;
using Mode = ConsolePort::Mode;

constexpr MacAddress kFirstMac = {0x02, 0x72, 0x76, 0x6d, 0x00, 0x00};
constexpr MacAddress kSecondMac = {0x02, 0x72, 0x76, 0x6d, 0x00, 0x01};

Result<RealmSpec> with_devices(std::string_view devices, std::vector<std::string> overrides = {}) {
    return parse_config("[boot]\nkernel = \"Image\"\n" + std::string(devices), "images/image.cfg",
                        {false, std::move(overrides)});
}

std::vector<DeviceSpec> devices_of(const Result<RealmSpec>& spec) {
    EXPECT_TRUE(spec) << spec.error().message();
    return spec ? spec->devices : std::vector<DeviceSpec>();
}

TEST(DeviceTables, WithoutKeys_HaveTheDefaults) {
    const auto devices = devices_of(with_devices(
        "[[disk]]\npath = \"a\"\n[[net]]\n[[net]]\n[[vsock]]\ncid = 3\npath = \"/b\"\n[rng]\n"
        "[[disk]]\npath = \"/c\"\n[[console]]\n"));
    EXPECT_THAT(
        devices,
        ElementsAre(DeviceSpec{"disk0", Transport::kPci, DiskSpec{"images/a", false, "", 1}},
                    DeviceSpec{"net0", Transport::kPci, NetSpec{.mac = kFirstMac}},
                    DeviceSpec{"net1", Transport::kPci, NetSpec{.mac = kSecondMac}},
                    DeviceSpec{"vsock0", Transport::kPci, VsockSpec{3, "/b"}},
                    DeviceSpec{"rng0", Transport::kPci, RngSpec{}},
                    DeviceSpec{"disk1", Transport::kPci, DiskSpec{"/c", false, "", 1}},
                    DeviceSpec{"console0", Transport::kPci,
                               ConsoleSpec{{{"console0", Mode::kStdio, std::nullopt}}}}));
}

TEST(DeviceTables, EachKey_IsStored) {
    const auto devices = devices_of(with_devices(R"(
[[disk]]
name = "root_fs-1"
path = "a.img"
readonly = true
serial = "12345678901234567890"
queues = 16
transport = "mmio"
[[net]]
name = "up"
backend = "tap"
tap = "tap0.vlan-1"
mac = "52:54:00:AB:cd:ef"
mtu = 65535
queues = 8
[[net]]
backend = "tap"
tap_fd = 3
[[net]]
socket = "p.sock"
mtu = 68
[[vsock]]
name = "v"
cid = 4294967294
path = "v.sock"
transport = "mmio"
[rng]
transport = "mmio"
)"));
    const NetSpec tap{.backend = NetSpec::Backend::kTap,
                      .tap = "tap0.vlan-1",
                      .mac = {0x52, 0x54, 0x00, 0xab, 0xcd, 0xef},
                      .mtu = 65535,
                      .queues = 8};
    const NetSpec descriptor{.backend = NetSpec::Backend::kTap, .tap_fd = 3, .mac = kSecondMac};
    const NetSpec passt{
        .socket = "images/p.sock", .mac = {0x02, 0x72, 0x76, 0x6d, 0x00, 0x02}, .mtu = 68};
    EXPECT_THAT(
        devices,
        ElementsAre(DeviceSpec{"root_fs-1", Transport::kMmio,
                               DiskSpec{"images/a.img", true, "12345678901234567890", 16}},
                    DeviceSpec{"up", Transport::kPci, tap},
                    DeviceSpec{"net1", Transport::kPci, descriptor},
                    DeviceSpec{"net2", Transport::kPci, passt},
                    DeviceSpec{"v", Transport::kMmio, VsockSpec{4294967294, "images/v.sock"}},
                    DeviceSpec{"rng0", Transport::kMmio, RngSpec{}}));
}

TEST(DeviceTables, Consoles_ArePortsOfOneDeviceAtThePlaceOfTheFirst) {
    const auto devices = devices_of(with_devices(
        "[rng]\n[[console]]\ntransport = \"mmio\"\nmode = \"none\"\n[[disk]]\npath = \"a\"\n"
        "[[console]]\nname = \"log\"\nmode = \"file\"\npath = \"log\"\n[[console]]\n"
        "mode = \"stdio\"\n[[console]]\n"));
    ASSERT_EQ(devices.size(), 3U);
    EXPECT_EQ(devices[0].name, "rng0");
    EXPECT_EQ(devices[1], (DeviceSpec{"console0", Transport::kMmio,
                                      ConsoleSpec{{{"console0", Mode::kNone, std::nullopt},
                                                   {"log", Mode::kFile, "images/log"},
                                                   {"console2", Mode::kStdio, std::nullopt},
                                                   {"console3", Mode::kNone, std::nullopt}}}}));
    EXPECT_EQ(devices[2].name, "disk0");
}

TEST(DeviceTables, Stdio_IsUsedByTheSerialPortOrAConsole) {
    constexpr std::string_view kNoSerial = "[serial]\nmode = \"none\"\n";
    EXPECT_TRUE(uses_stdio(with_devices("").value()));
    EXPECT_FALSE(uses_stdio(with_devices(kNoSerial).value()));
    EXPECT_TRUE(uses_stdio(with_devices(std::string(kNoSerial) + "[[console]]\n").value()));
    EXPECT_FALSE(uses_stdio(
        with_devices(std::string(kNoSerial) + "[rng]\n[[console]]\nmode = \"none\"\n").value()));
}

TEST(DeviceTables, OtherSpellings_AreTheSame) {
    const auto tables = devices_of(with_devices(
        "[[net]]\nmtu = 1500\n[rng]\n[[disk]]\npath = \"a\"\n[[disk]]\npath = \"b\"\n"));
    const auto in_line = parse_config(
        "boot.kernel = \"Image\"\nnet = [{ mtu = 1500 }]\nrng = {}\n"
        "disk = [{ path = \"a\" }, { path = \"b\" }]\n",
        "images/image.cfg", {});
    EXPECT_EQ(devices_of(in_line), tables);
    EXPECT_TRUE(devices_of(with_devices("[realm]\n[host]\n[serial]\n[machine]\n")).empty());
    EXPECT_TRUE(devices_of(parse_config("disk = []\nboot.kernel = \"a\"", "i", {})).empty());
}

TEST(DeviceTables, TooMany_AreRefusedWhereTheyStand) {
    std::string text;
    for (int i = 0; i < 31; ++i) text += "[[console]]\n";
    EXPECT_TRUE(with_devices(text));
    const auto spec = with_devices(text + "[[console]]\n");
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().message(),
              "images/image.cfg:34:1: a machine has room for 31 [[console]]");
    text.clear();
    for (int i = 0; i < 63; ++i) text += "[[net]]\n";
    EXPECT_TRUE(with_devices(text));
    EXPECT_FALSE(with_devices(text + "[[net]]\n"));
}

TEST(DeviceOverrides, Index_CountsTheTablesOfItsKind) {
    const auto devices = devices_of(with_devices(
        "[[disk]]\n[[net]]\n[[disk]]\npath = \"b\"\nreadonly = true\n",
        {"disk.0.path=a", "disk.1.readonly=false", "net.0.mtu=1500", "disk.1.name=data"}));
    EXPECT_THAT(
        devices,
        ElementsAre(DeviceSpec{"disk0", Transport::kPci, DiskSpec{.path = "a"}},
                    DeviceSpec{"net0", Transport::kPci, NetSpec{.mac = kFirstMac, .mtu = 1500}},
                    DeviceSpec{"data", Transport::kPci, DiskSpec{.path = "images/b"}}));
}

TEST(DeviceOverrides, Rng_IsMadeOnceAfterTheOthers) {
    const auto made =
        devices_of(with_devices("[[net]]\n", {"rng.transport=pci", "rng.transport=mmio"}));
    ASSERT_EQ(made.size(), 2U);
    EXPECT_EQ(made[1], (DeviceSpec{"rng0", Transport::kMmio, RngSpec{}}));
    const auto there = devices_of(with_devices("[rng]\n[[net]]\n", {"rng.transport=mmio"}));
    ASSERT_EQ(there.size(), 2U);
    EXPECT_EQ(there[0], made[1]);
}

TEST(DeviceOverrides, InterfaceAndDescriptor_ReplaceEachOther) {
    constexpr std::string_view kTap = "[[net]]\nbackend = \"tap\"\ntap = \"tap0\"\n";
    const auto descriptor = devices_of(with_devices(kTap, {"net.0.tap_fd=5"}));
    ASSERT_EQ(descriptor.size(), 1U);
    EXPECT_EQ(std::get<NetSpec>(descriptor[0].what).tap_fd, 5);
    EXPECT_EQ(std::get<NetSpec>(descriptor[0].what).tap, "");
    // Of one table, that is.
    EXPECT_TRUE(with_devices(std::string(kTap) + "[[net]]\nbackend = \"tap\"\ntap_fd = 4\n"));
}

TEST(DeviceOverrides, Machine_TakesBooleans) {
    const auto spec =
        with_devices("", {"machine.rtc=true", "machine.power_key=true", "machine.pvpanic=true"});
    ASSERT_TRUE(spec);
    EXPECT_TRUE(spec->machine.rtc);
    EXPECT_TRUE(spec->machine.power_key);
    EXPECT_TRUE(spec->machine.pvpanic);
}

}  // namespace
}  // namespace rvmm::realm
