#include "realm/layout/board.hpp"

#include <gtest/gtest.h>

#include "realm/image_builder.hpp"

namespace rvmm::realm {
namespace {

using test::kMiB;
constexpr std::uint64_t kGiB = 1ULL << 30;

TEST(Board, Realm_HasTheMemoryMap) {
    const auto board = make_board(test::realm_spec(512 * kMiB, 2));
    ASSERT_TRUE(board) << board.error().message();
    EXPECT_EQ(board->ram, *IpaRange::make(Ipa{0x8000'0000}, 512 * kMiB));
    EXPECT_EQ(board->gic.distributor, *IpaRange::make(Ipa{0x3fff'0000}, 0x1'0000));
    EXPECT_EQ(board->gic.redistributors, *IpaRange::make(Ipa{0x3ffb'0000}, 0x4'0000));
    EXPECT_EQ(board->gic.its, *IpaRange::make(Ipa{0x3ff9'0000}, 0x2'0000));
    EXPECT_EQ(board->psci, PsciConduit::kSmc);
    ASSERT_EQ(board->devices.size(), 1U);
    EXPECT_EQ(board->devices[0].registers, *IpaRange::make(Ipa{0x0100'0000}, 8));
    EXPECT_EQ(board->devices[0].spi, 0U);
    EXPECT_EQ(board->spi_count % 32, 0U);
}

TEST(Board, OrdinaryVm_UsesHvc) {
    const auto board = make_board(test::vm_spec(512 * kMiB));
    ASSERT_TRUE(board);
    EXPECT_EQ(board->psci, PsciConduit::kHvc);
}

TEST(Board, ManyVcpus_HaveKvmsAffinities) {
    const auto board = make_board(test::realm_spec(512 * kMiB, kMaxVcpus));
    ASSERT_TRUE(board);
    ASSERT_EQ(board->cpus.size(), kMaxVcpus);
    EXPECT_EQ(board->cpus[15].mpidr, 0xfU);
    EXPECT_EQ(board->cpus[16].mpidr, 0x100U);
    EXPECT_EQ(board->cpus[511].mpidr, 0x1f0fU);
    EXPECT_FALSE(board->gic.its.overlaps(board->devices[0].registers));
    EXPECT_EQ(board->gic.its.top(), board->gic.redistributors.base());
    EXPECT_EQ(board->gic.redistributors.top(), board->gic.distributor.base());
}

TEST(Board, RamThatDoesNotFit_IsRefusedWithWhatWouldDo) {
    struct Case {
        std::uint64_t memory;
        unsigned ipa_bits;  // 0: an ordinary VM
        std::string_view message;
    };
    static constexpr Case kCases[] = {
        {512 * kMiB, 32,
         "machine.memory 512M does not fit realm.ipa_bits 32: RAM starts at 2G, the protected "
         "half ends at 2G; ipa_bits must be at least 33"},
        {2 * kGiB + 2 * kMiB, 33,
         "machine.memory 2050M does not fit realm.ipa_bits 33: RAM starts at 2G, the protected "
         "half ends at 4G; ipa_bits must be at least 34"},
        {512 * kGiB, 40,
         "machine.memory 512G does not fit realm.ipa_bits 40: RAM starts at 2G, the protected "
         "half ends at 512G; ipa_bits must be at least 41"},
        {1024 * kGiB, 0,
         "machine.memory 1T does not fit an ordinary VM: RAM starts at 2G, addresses end at 1T"},
    };
    for (const Case& test : kCases) {
        RealmSpec spec = test::vm_spec(test.memory);
        if (test.ipa_bits != 0) spec.realm = RealmParameters{.ipa_bits = test.ipa_bits};
        const auto board = make_board(spec);
        ASSERT_FALSE(board) << test.message;
        EXPECT_EQ(board.error().stage(), Stage::kConfig);
        EXPECT_EQ(board.error().message(), test.message);
    }
}

TEST(Board, RamThatJustFits_IsAccepted) {
    RealmSpec spec = test::realm_spec(2 * kGiB);
    spec.realm->ipa_bits = 33;
    EXPECT_TRUE(make_board(spec));
    spec = test::realm_spec(kMaxMemory);
    spec.realm->ipa_bits = 48;
    EXPECT_TRUE(make_board(spec));
    EXPECT_TRUE(make_board(test::vm_spec(1022 * kGiB)));
}

DeviceSpec rng_on(Transport transport) {
    return {.name = "rng", .transport = transport, .what = RngSpec{}};
}

TEST(Board, RtcAndPowerKey_AreDevicesOfTheirOwn) {
    RealmSpec spec = test::realm_spec(512 * kMiB);
    spec.machine.rtc = spec.machine.power_key = true;
    const auto board = make_board(spec);
    ASSERT_TRUE(board);
    ASSERT_EQ(board->devices.size(), 3U);
    EXPECT_EQ(board->devices[1].kind, DeviceBoard::Kind::kPl031);
    EXPECT_EQ(board->devices[1].registers, *IpaRange::make(Ipa{0x0101'0000}, 0x1000));
    EXPECT_EQ(board->devices[1].spi, 1U);
    EXPECT_EQ(board->devices[2].kind, DeviceBoard::Kind::kPl061PowerKey);
    EXPECT_EQ(board->devices[2].registers, *IpaRange::make(Ipa{0x0102'0000}, 0x1000));
    EXPECT_EQ(board->devices[2].spi, 2U);
    EXPECT_TRUE(board->virtio.empty());
    EXPECT_FALSE(board->pci);
}

TEST(Board, Pvpanic_HasRegistersOfItsOwnAndNoInterrupt) {
    RealmSpec spec = test::realm_spec(512 * kMiB);
    spec.machine.pvpanic = true;
    const auto alone = make_board(spec);
    ASSERT_TRUE(alone);
    ASSERT_EQ(alone->devices.size(), 2U);
    EXPECT_EQ(alone->devices[1].kind, DeviceBoard::Kind::kPvpanic);
    EXPECT_EQ(alone->devices[1].name, "pvpanic0");
    EXPECT_EQ(alone->devices[1].registers, *IpaRange::make(Ipa{0x0103'0000}, 8));
    EXPECT_EQ(alone->devices[1].spi, std::nullopt);

    spec.machine.rtc = spec.machine.power_key = true;
    spec.devices = {rng_on(Transport::kMmio)};
    const auto all = make_board(spec);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->devices.size(), 4U);
    std::vector<IpaRange> others = {std::get<MmioPlace>(all->virtio[0].place).registers};
    for (std::size_t i = 0; i < 3; ++i) others.push_back(all->devices[i].registers);
    EXPECT_EQ(all->devices[3].registers, alone->devices[1].registers);
    for (const IpaRange& other : others) EXPECT_FALSE(other.overlaps(all->devices[3].registers));
}

TEST(Board, VirtioDevices_TakeTheNextPlaceOfTheirTransport) {
    RealmSpec spec = test::realm_spec(512 * kMiB);
    for (const auto transport :
         {Transport::kMmio, Transport::kPci, Transport::kMmio, Transport::kPci})
        spec.devices.push_back(rng_on(transport));
    spec.devices[2].name = "third";
    const auto board = make_board(spec);
    ASSERT_TRUE(board);
    ASSERT_EQ(board->virtio.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(board->virtio[i].spec, i);
    EXPECT_EQ(board->virtio[2].name, "third");
    const auto& first = std::get<MmioPlace>(board->virtio[0].place);
    EXPECT_EQ(first.registers, *IpaRange::make(Ipa{0x0300'0000}, 0x200));
    EXPECT_EQ(first.spi, 16U);
    EXPECT_EQ(std::get<PciPlace>(board->virtio[1].place).slot, 1U);
    const auto& second = std::get<MmioPlace>(board->virtio[2].place);
    EXPECT_EQ(second.registers, *IpaRange::make(Ipa{0x0300'0200}, 0x200));
    EXPECT_EQ(second.spi, 17U);
    EXPECT_EQ(std::get<PciPlace>(board->virtio[3].place).slot, 2U);
    ASSERT_TRUE(board->pci);
    EXPECT_EQ(board->pci->ecam, *IpaRange::make(Ipa{0x4000'0000}, 0x10'0000));
    EXPECT_EQ(board->pci->window, *IpaRange::between(Ipa{0x5000'0000}, Ipa{0x8000'0000}));
}

TEST(Board, FullTransports_AreRefusedWithTheOther) {
    RealmSpec spec = test::realm_spec(512 * kMiB, kMaxVcpus);
    for (int i = 0; i < 31; ++i) spec.devices.push_back(rng_on(Transport::kPci));
    for (int i = 0; i < 32; ++i) spec.devices.push_back(rng_on(Transport::kMmio));
    const auto board = make_board(spec);
    ASSERT_TRUE(board);
    EXPECT_EQ(std::get<PciPlace>(board->virtio[30].place).slot, 31U);
    const auto& last = std::get<MmioPlace>(board->virtio.back().place);
    EXPECT_LT(last.spi, board->spi_count);
    EXPECT_LT(last.registers.top(), board->gic.its.base());

    spec.devices.push_back(rng_on(Transport::kMmio));
    auto refused = make_board(spec);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().stage(), Stage::kConfig);
    EXPECT_EQ(
        refused.error().message(),
        "no room for the device rng: transport \"mmio\" takes 32 of them; give it transport = "
        "\"pci\"");
    spec.devices.back().transport = Transport::kPci;
    refused = make_board(spec);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(),
              "no room for the device rng: transport \"pci\" takes 31 of them; give it transport = "
              "\"mmio\"");
}

}  // namespace
}  // namespace rvmm::realm
