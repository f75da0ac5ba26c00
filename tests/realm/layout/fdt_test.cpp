#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "measure/hash.hpp"
#include "realm/image_builder.hpp"
#include "realm/layout/dts.hpp"
#include "realm/layout/guest_layout.hpp"

namespace rvmm::realm {
namespace {

std::string golden(const char* name) {
    std::ifstream file(std::string(RVMM_TEST_DATA "/fdt/") + name);
    EXPECT_TRUE(file) << name;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

Bytes fdt_of(const RealmSpec& spec, const std::optional<IpaRange>& initrd) {
    const auto board = make_board(spec);
    EXPECT_TRUE(board);
    auto fdt = make_fdt(spec, *board, initrd);
    EXPECT_TRUE(fdt) << fdt.error().message();
    return fdt ? *std::move(fdt) : Bytes();
}

Bytes realm_fdt() {
    RealmSpec spec = test::realm_spec(512ULL << 20, 2);
    spec.boot.cmdline = "console=ttyS0 swiotlb=8192";
    return fdt_of(spec, IpaRange::make(Ipa{0x8fcf'f000}, 0x10'0123));
}

// The golden files are hand-checked text; nothing writes them anew.
TEST(Fdt, Realm2Cpu_IsTheGoldenTree) {
    EXPECT_EQ(to_dts(realm_fdt()).value_or(""), golden("realm-2cpu.dts"));
}

TEST(Fdt, Vm17Cpu_IsTheGoldenTree) {
    EXPECT_EQ(to_dts(fdt_of(test::vm_spec(8ULL << 30, 17), {})).value_or(""),
              golden("vm-17cpu.dts"));
}

RealmSpec spec_with_devices() {
    RealmSpec spec = test::realm_spec(512ULL << 20);
    spec.machine.rtc = spec.machine.power_key = true;
    spec.devices = {{.name = "disk0", .transport = Transport::kMmio, .what = DiskSpec{}},
                    {.name = "net0", .transport = Transport::kPci, .what = NetSpec{}},
                    {.name = "rng0", .transport = Transport::kMmio, .what = RngSpec{}}};
    return spec;
}

TEST(Fdt, Devices_AreTheGoldenTree) {
    EXPECT_EQ(to_dts(fdt_of(spec_with_devices(), {})).value_or(""), golden("realm-devices.dts"));
}

TEST(Fdt, Pvpanic_IsOneNodeMore) {
    RealmSpec spec = test::realm_spec(512ULL << 20);
    const std::string without = to_dts(fdt_of(spec, {})).value_or("");
    spec.machine.pvpanic = true;
    std::string with = to_dts(fdt_of(spec, {})).value_or("");
    const std::string node =
        "\n\tpvpanic@1030000 {\n"
        "\t\tcompatible = \"rvmm,pvpanic\", \"qemu,pvpanic-mmio\";\n"
        "\t\treg = <0x00 0x1030000 0x00 0x08>;\n\t};\n";
    const std::size_t at = with.find(node);
    ASSERT_NE(at, std::string::npos) << with;
    EXPECT_EQ(with.erase(at, node.size()), without);
}

// What PCI has is found at run time, and of what is behind virtio-mmio nothing is known.
TEST(Fdt, Devices_AreTransportsAlone) {
    RealmSpec spec = spec_with_devices();
    const Bytes fdt = fdt_of(spec, {});
    spec.devices.push_back({.name = "disk1", .transport = Transport::kPci, .what = DiskSpec{}});
    spec.devices[0] = {.name = "v", .transport = Transport::kMmio, .what = VsockSpec{3, "v"}};
    EXPECT_EQ(fdt_of(spec, {}), fdt);
    spec.devices[3].transport = Transport::kMmio;
    EXPECT_NE(fdt_of(spec, {}), fdt);
}

// Every byte is measured, those that the text does not show too.
TEST(Fdt, Realm2Cpu_HasTheSameBytesEverywhere) {
    const auto digest = measure::digest(measure::Hash::kSha256, {realm_fdt()});
    ASSERT_TRUE(digest);
    EXPECT_EQ(to_hex(*digest), "12458a11c6494a13da1bc8bec7263d14e612a3580415c0ed2b991de8ead0d62d");
}

TEST(Fdt, LargestMachine_FitsItsRegion) {
    RealmSpec spec = test::realm_spec(512ULL << 20, kMaxVcpus);
    spec.boot.cmdline = std::string(2047, 'x');
    spec.machine.rtc = spec.machine.power_key = spec.machine.pvpanic = true;
    for (const auto transport : {Transport::kPci, Transport::kMmio})
        spec.devices.insert(spec.devices.end(), transport == Transport::kPci ? 31 : 32,
                            {.name = "", .transport = transport, .what = RngSpec{}});
    const Bytes fdt = fdt_of(spec, IpaRange());
    EXPECT_GT(fdt.size(), 40'000U);
    EXPECT_LT(fdt.size(), 2U << 20);
}

}  // namespace
}  // namespace rvmm::realm
