// Configuration spaces, BARs and who answers at an address.
#include "devices/pci/host.hpp"

#include <gtest/gtest.h>

#include "devices/pci/pci_guest.hpp"

namespace rvmm::devices::pci {
namespace {

/// Two BARs that read as their number and keep what was written to them.
class TwoBars final : public Function {
  public:
    explicit TwoBars(std::uint32_t first = 0x1000, std::uint32_t second = 0x2000)
        : Function({.vendor = 0x1234,
                    .device = 0x5678,
                    .class_code = 0x01'8000,
                    .revision = 3,
                    .subsystem_vendor = 0x9abc,
                    .subsystem = 0xdef0}) {
        config().add_bar(0, first);
        config().add_bar(2, second);
        config().add_capability(0x42, Bytes(6, std::byte{0x11}), Bytes(2, std::byte{0xf0}));
        config().add_capability(0x43, Bytes(3, std::byte{0x22}));
    }
    std::string_view name() const override { return "two"; }
    void read_bar(unsigned bar, std::uint64_t, MutableByteSpan data) override {
        std::ranges::fill(data, static_cast<std::byte>(0x10 + bar));
    }
    void write_bar(unsigned bar, std::uint64_t offset, ByteSpan data) override {
        written.push_back({bar, offset, data.size()});
    }
    void bar_placed(unsigned bar, std::optional<Ipa> base) override {
        placed[bar] = base;
        ++placements;
    }

    struct Written {
        unsigned bar;
        std::uint64_t offset;
        std::size_t size;
        friend bool operator==(const Written&, const Written&) = default;
    };
    std::vector<Written> written;
    std::array<std::optional<Ipa>, ConfigSpace::kBarCount> placed;
    int placements = 0;
};

class PciHost : public ::testing::Test {
  protected:
    std::shared_ptr<TwoBars> add(unsigned slot, std::uint32_t first = 0x1000,
                                 std::uint32_t second = 0x2000) {
        auto function = std::make_shared<TwoBars>(first, second);
        const auto added = guest.host().add(slot, function);
        EXPECT_TRUE(added) << added.error().message();
        return function;
    }
    static constexpr std::uint32_t kMemory = PciGuest::kMemory;

    FakeWiring wiring;
    PciGuest guest{wiring};
};

TEST_F(PciHost, Create_NeedsWholePagesBelow4GiB) {
    for (const auto& [base, size] : {std::pair(0x1000ULL, 0ULL),
                                     {0x1000ULL, 0x1800ULL},
                                     {0x1800ULL, 0x1000ULL},
                                     {0xffff'f000ULL, 0x2000ULL},
                                     {1ULL << 32, 0x1000ULL}})
        EXPECT_FALSE(Host::create(*IpaRange::make(Ipa{base}, size))) << base;
    EXPECT_TRUE(Host::create(*IpaRange::make(Ipa{0xffff'f000}, 0x1000)));
}

TEST_F(PciHost, Bus_HasTheBridgeAndWhatWasAdded) {
    add(3);
    for (unsigned slot = 0; slot < Host::kSlots; ++slot)
        for (unsigned function = 0; function < 8; ++function) {
            const auto id = guest.config<std::uint32_t>(slot, std::size_t{function} << 12);
            const std::uint32_t expected = function != 0 ? UINT32_MAX
                                           : slot == 0   ? 0x0008'1b36
                                           : slot == 3   ? 0x5678'1234
                                                         : UINT32_MAX;
            EXPECT_EQ(id, expected) << slot << "." << function;
        }
    EXPECT_EQ(guest.config<std::uint32_t>(0, kRevision), 0x0600'0000u);
    EXPECT_EQ(guest.config<std::uint32_t>(3, kRevision), 0x0180'0003u);
    EXPECT_EQ(guest.config<std::uint32_t>(3, kSubsystemVendor), 0xdef0'9abcu);
    EXPECT_EQ(guest.config<std::uint8_t>(3, 0x0e), 0u) << "header type 0, one function";
    EXPECT_EQ(guest.config<std::uint8_t>(3, 0x3d), 0u) << "no interrupt pin";
    EXPECT_EQ(guest.capabilities(3, 0x42), (std::vector<std::size_t>{0x40}));
    EXPECT_EQ(guest.capabilities(3, 0x43), (std::vector<std::size_t>{0x48}));
    EXPECT_EQ(guest.config<std::uint32_t>(3, 0x100), 0u) << "no extended capabilities";
}

TEST_F(PciHost, Add_RefusesWhatCannotBe) {
    auto function = std::make_shared<TwoBars>();
    EXPECT_FALSE(guest.host().add(0, function));
    EXPECT_FALSE(guest.host().add(32, function));
    EXPECT_TRUE(guest.host().add(31, function));
    EXPECT_FALSE(guest.host().add(31, function));
    const auto before = guest.bar(31, 2);
    const auto full = guest.host().add(1, std::make_shared<TwoBars>(0x1000, 0x10'0000));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().stage(), Stage::kConfig);
    EXPECT_EQ(guest.config<std::uint32_t>(1, 0), UINT32_MAX);
    EXPECT_EQ(guest.bar(31, 2), before);
}

TEST_F(PciHost, FirstAddresses_FollowTheSlotsWhateverIsAddedFirst) {
    add(5);
    add(2, 0x4000, 0x1000);
    EXPECT_EQ(guest.bar(2, 0), kMemory);
    EXPECT_EQ(guest.bar(2, 2), kMemory + 0x4000);
    EXPECT_EQ(guest.bar(5, 0), kMemory + 0x5000);
    EXPECT_EQ(guest.bar(5, 2), kMemory + 0x6000);
    EXPECT_EQ(guest.bar(5, 1), 0u);
}

TEST_F(PciHost, Sizing_SaysHowLargeABarIs) {
    add(1, 0x1000, 0x1'0000);
    EXPECT_EQ(guest.size_of_bar(1, 0), 0x1000u);
    EXPECT_EQ(guest.size_of_bar(1, 1), 0u);
    EXPECT_EQ(guest.size_of_bar(1, 2), 0x1'0000u);
    EXPECT_EQ(guest.size_of_bar(0, 0), 0u);
    EXPECT_EQ(guest.bar(1, 2) & 0xf, 0u) << "32-bit memory, not prefetchable";
}

TEST_F(PciHost, Memory_IsAnsweredByTheBarThatHoldsAllOfTheAccess) {
    auto function = add(1);
    EXPECT_EQ(guest.load<std::uint32_t>(kMemory), UINT32_MAX) << "not enabled";
    guest.store<std::uint32_t>(kMemory, 1);
    guest.set_command(1, kCommandMemory);
    EXPECT_EQ(guest.load<std::uint64_t>(kMemory + 0xff8), 0x1010'1010'1010'1010u);
    EXPECT_EQ(guest.load<std::uint8_t>(kMemory + 0x3fff), 0x12u);
    EXPECT_EQ(guest.load<std::uint16_t>(kMemory + 0xfff), 0xffffu) << "half of it outside";
    EXPECT_EQ(guest.load<std::uint32_t>(kMemory + 0x1000), UINT32_MAX) << "between the two";
    EXPECT_EQ(guest.load<std::uint32_t>(kMemory + PciGuest::kMemorySize - 4), UINT32_MAX);
    guest.store<std::uint16_t>(kMemory + 0x2002, 1);
    guest.store<std::uint16_t>(kMemory + 0x3fff, 1);
    EXPECT_EQ(function->written, (std::vector<TwoBars::Written>{{2, 2, 2}}));
    guest.set_command(1, 0);
    EXPECT_EQ(guest.load<std::uint32_t>(kMemory), UINT32_MAX);
}

TEST_F(PciHost, Bar_IsMovedAndTheFunctionTold) {
    auto function = add(1);
    guest.set_command(1, kCommandMemory);
    EXPECT_EQ(function->placed[0], Ipa{kMemory});
    EXPECT_EQ(function->placed[2], Ipa{kMemory + 0x2000});
    EXPECT_EQ(function->placements, 2);
    guest.move_bar(1, 0, kMemory + 0x8000);
    EXPECT_EQ(function->placed[0], Ipa{kMemory + 0x8000});
    EXPECT_EQ(function->placements, 4) << "it left, and it came";
    EXPECT_EQ(guest.load<std::uint8_t>(kMemory), 0xffu);
    EXPECT_EQ(guest.load<std::uint8_t>(kMemory + 0x8000), 0x10u);
    guest.set_command(1, kCommandMemory | kCommandMaster);
    EXPECT_EQ(function->placements, 4) << "nothing moved";
}

TEST_F(PciHost, BarOutsideTheWindow_AnswersNowhere) {
    auto function = add(1);
    guest.set_command(1, kCommandMemory);
    // RAM, ECAM, whatever: below, across its start and end, at 0, and where it would wrap.
    for (const std::uint32_t at : {0U, kMemory - 0x2000, 0x3f00'0000U, kMemory + 0x10'0000,
                                   0x8000'0000U, 0xffff'e000U, UINT32_MAX}) {
        guest.move_bar(1, 2, at);
        EXPECT_EQ(function->placed[2], std::nullopt) << at;
        EXPECT_EQ(guest.bar(1, 2), at & ~0x1fffU);
    }
    guest.move_bar(1, 2, kMemory + 0xf'e000);
    EXPECT_EQ(function->placed[2], Ipa{kMemory + 0xf'e000});
}

TEST_F(PciHost, BarOverAnother_AnswersWhenTheOtherIsGone) {
    auto first = add(1);
    auto second = add(2);
    guest.set_command(2, kCommandMemory);
    guest.move_bar(2, 2, kMemory);
    EXPECT_EQ(second->placed[2], Ipa{kMemory}) << "the other is not enabled";
    guest.set_command(1, kCommandMemory);
    EXPECT_EQ(first->placed[0], Ipa{kMemory});
    EXPECT_EQ(second->placed[2], std::nullopt) << "the lower slot has it";
    EXPECT_EQ(guest.load<std::uint8_t>(kMemory), 0x10u);
    guest.move_bar(1, 0, kMemory + 0x2000);  // over another of its own: the lower BAR has it
    EXPECT_EQ(first->placed[0], Ipa{kMemory + 0x2000});
    EXPECT_EQ(first->placed[2], std::nullopt);
    EXPECT_EQ(second->placed[2], Ipa{kMemory});
    EXPECT_EQ(guest.load<std::uint8_t>(kMemory), 0x12u);
}

// Every register keeps what is not the guest's, whatever the width and the place of the write.
TEST_F(PciHost, ConfigSpace_IsNotCorruptedByAnyAccess) {
    add(1);
    add(2);
    std::array<std::byte, ConfigSpace::kSize> before{};
    std::array<std::byte, ConfigSpace::kSize> after{};
    const auto read_all = [&](auto& bytes) {
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<std::byte>(guest.config<std::uint8_t>(1, i));
    };
    for (const std::byte fill : {std::byte{0xff}, std::byte{0x00}, std::byte{0xa5}}) {
        read_all(before);
        const Bytes data(8, fill);
        for (std::size_t offset = 0; offset < ConfigSpace::kSize; ++offset)
            for (std::size_t size = 1; size <= 8; ++size)
                guest.write_config(1, offset, ByteSpan(data).first(size));
        read_all(after);
        const auto writable = [](std::size_t i) -> unsigned {
            if (i == kCommand) return 0x06;
            if (i == kCommand + 1) return 0x04;
            if (i == kCacheLine || i == kInterruptLine) return 0xff;
            if (i == kBars + 1) return 0xf0;
            if (i == kBars + 9) return 0xe0;
            if ((i & ~8U) == kBars + 2 || (i & ~8U) == kBars + 3) return 0xff;
            return i == 0x42 || i == 0x43 ? 0xf0 : 0;
        };
        for (std::size_t i = 0; i < after.size(); ++i) {
            const auto mask = static_cast<std::byte>(writable(i));
            ASSERT_EQ(after[i], (before[i] & ~mask) | (fill & mask)) << i;
        }
    }
    EXPECT_EQ(guest.config<std::uint32_t>(2, 0), 0x5678'1234u);
}

TEST_F(PciHost, ConfigSpace_IsReadAtAnyWidthAndPlace) {
    add(1);
    EXPECT_EQ(guest.config<std::uint64_t>(1, 0), 0x0010'0000'5678'1234u);
    EXPECT_EQ(guest.config<std::uint16_t>(1, 1), 0x7812u);
    std::array<std::byte, 3> three{};
    guest.read_config(1, 1, three);
    EXPECT_EQ(to_hex(three), "127856");
    // Across the end of a function there is nothing.
    EXPECT_EQ(guest.config<std::uint64_t>(1, 0xffc), UINT64_MAX);
    EXPECT_EQ(guest.config<std::uint32_t>(1, 0xffc), 0u);
    EXPECT_EQ(guest.config<std::uint64_t>(0, 0x7ffc), UINT64_MAX) << "across the end of a slot";
}

}  // namespace
}  // namespace rvmm::devices::pci
