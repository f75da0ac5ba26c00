// MSI-X: what is sent, what is pending, and that nothing is lost on the way.
#include "devices/pci/msix.hpp"

#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "devices/fake_wiring.hpp"

namespace rvmm::devices::pci {
namespace {

constexpr std::uint16_t kEnable = 0x8000;
constexpr std::uint16_t kMaskAll = 0x4000;
constexpr std::uint64_t kPba = 0x800;

class PciMsix : public ::testing::Test {
  protected:
    PciMsix() {
        msix->add_to(config, 1);
        control(kEnable);
    }
    ~PciMsix() override { EXPECT_EQ(wiring.violations(), std::vector<std::string>{}); }

    void command(std::uint16_t value) { set(kCommand, value); }
    void control(std::uint16_t value) { set(at + 2, value); }
    void set(std::size_t reg, std::uint16_t value) {
        std::array<std::byte, 2> bytes{};
        store_le(MutableByteSpan(bytes), value);
        config.write(reg, bytes);
        msix->config_written(config, reg, bytes.size());
    }
    void word(unsigned vector, unsigned index, std::uint32_t value) {
        std::array<std::byte, 4> bytes{};
        store_le(MutableByteSpan(bytes), value);
        msix->write(16UL * vector + 4UL * index, bytes);
    }
    template <std::unsigned_integral T = std::uint32_t>
    T read(std::uint64_t offset) {
        std::array<std::byte, sizeof(T)> bytes{};
        msix->read(offset, bytes);
        return load_le<T>(bytes);
    }
    void program(unsigned vector, std::uint32_t data) {
        word(vector, 0, 0x0808'0040);
        word(vector, 1, 1);
        word(vector, 2, data);
        word(vector, 3, 0);
    }
    static Message message(std::uint32_t data) { return {0x1'0808'0040, data, 0x18}; }

    FakeWiring wiring;
    ConfigSpace config{Identity{.vendor = 1, .device = 2, .class_code = 3}};
    std::unique_ptr<Msix> msix = *Msix::create(wiring, "test", 0x18, 40);
    std::size_t at = 0x40;
};

using Messages = std::vector<Message>;

TEST_F(PciMsix, Capability_SaysWhereTheTableIs) {
    EXPECT_EQ(config.load<std::uint8_t>(at), kCapabilityMsix);
    EXPECT_EQ(config.load<std::uint16_t>(at + 2), kEnable | 39);
    EXPECT_EQ(config.load<std::uint32_t>(at + 4), 1u);
    EXPECT_EQ(config.load<std::uint32_t>(at + 8), kPba | 1);
    const Bytes ones(12, std::byte{0xff});
    config.write(at, ones);
    EXPECT_EQ(config.load<std::uint16_t>(at + 2), kEnable | kMaskAll | 39);
    EXPECT_EQ(config.load<std::uint32_t>(at + 4), 1u);
}

TEST_F(PciMsix, Raise_SendsWhatTheGuestProgrammed) {
    command(kCommandMaster);
    program(2, 77);
    EXPECT_EQ(wiring.message(2), message(77));
    msix->raise(2);
    EXPECT_EQ(wiring.sent(), Messages{message(77)});
    word(2, 2, 78);
    msix->raise(2);
    EXPECT_EQ(wiring.sent(), Messages{message(78)});
    EXPECT_EQ(read(kPba), 0u);
}

TEST_F(PciMsix, RaisedWhileItMayNotBeSent_IsPendingUntilItMay) {
    struct Gate {
        const char* name;
        std::function<void()> shut, open;
    };
    command(kCommandMaster);
    program(33, 5);
    const std::vector<Gate> gates = {
        {"vector mask", [&] { word(33, 3, 1); }, [&] { word(33, 3, 0); }},
        {"function mask", [&] { control(kEnable | kMaskAll); }, [&] { control(kEnable); }},
        {"no bus master", [&] { command(kCommandMemory); }, [&] { command(kCommandMaster); }},
    };
    for (const Gate& gate : gates) {
        gate.shut();
        EXPECT_EQ(wiring.message(33), std::nullopt) << gate.name;
        msix->raise(33);
        msix->raise(33);
        EXPECT_EQ(wiring.sent(), Messages{}) << gate.name;
        EXPECT_EQ(read(kPba + 4), 2u) << gate.name;
        EXPECT_EQ(read<std::uint64_t>(kPba), 1ULL << 33) << gate.name;
        gate.open();
        EXPECT_EQ(wiring.sent(), Messages{message(5)}) << gate.name;
        EXPECT_EQ(read(kPba + 4), 0u) << gate.name;
    }
}

TEST_F(PciMsix, Disabled_ForgetsWhatIsPending) {
    command(kCommandMaster);
    program(0, 5);
    word(0, 3, 1);
    msix->raise(0);
    control(0);
    EXPECT_FALSE(msix->enabled());
    EXPECT_EQ(read(kPba), 0u);
    control(kEnable);
    word(0, 3, 0);
    EXPECT_EQ(wiring.sent(), Messages{});
}

TEST_F(PciMsix, Table_TakesAlignedAccessesOf4And8BytesOnly) {
    const Bytes ones(8, std::byte{0xff});
    for (const auto& [offset, size] :
         {std::pair(0, 1), {0, 2}, {0, 3}, {2, 4}, {1, 4}, {4, 8}, {2, 8}, {0, 5}, {0, 7}}) {
        msix->write(static_cast<std::uint64_t>(offset),
                    ByteSpan(ones).first(static_cast<std::size_t>(size)));
        EXPECT_EQ(read<std::uint64_t>(0), 0u) << offset << "," << size;
        EXPECT_EQ(read<std::uint64_t>(8), 1ULL << 32) << offset << "," << size;
        Bytes out(static_cast<std::size_t>(size), std::byte{0xee});
        msix->read(static_cast<std::uint64_t>(offset) + 12, out);
        EXPECT_EQ(out, Bytes(out.size())) << offset << "," << size;
    }
    msix->write(8, ones);
    EXPECT_EQ(read<std::uint64_t>(8), 0x1'ffff'ffffu) << "reserved bits of the control word";
    msix->write(0, ones);
    EXPECT_EQ(read<std::uint64_t>(0), 0xffff'ffff'ffff'fffcu) << "and of the address";
}

TEST_F(PciMsix, AccessesOutsideTheTable_DoNothing) {
    const Bytes ones(8, std::byte{0xff});
    msix->raise(0);
    for (const std::uint64_t offset :
         {std::uint64_t{640}, kPba - 8, kPba, kPba + 8, std::uint64_t{0xff8}}) {
        msix->write(offset, ones);
        EXPECT_EQ(read<std::uint64_t>(offset), offset == kPba ? 1u : 0u) << offset;
    }
}

TEST_F(PciMsix, RefusedMessage_IsPendingAndSentLater) {
    command(kCommandMaster);
    program(1, 5);
    wiring.refuse(true);
    word(1, 2, 6);  // warns once
    word(1, 2, 7);
    msix->raise(1);
    EXPECT_EQ(read(kPba), 2u);
    wiring.refuse(false);
    word(1, 2, 8);
    EXPECT_EQ(wiring.sent(), Messages{message(8)});
}

// The kernel is made to hold up the write that raises the event until the vector is masked.
TEST_F(PciMsix, RaisedWhenItWasOpenAndSentWhenItIsNot_IsPending) {
    command(kCommandMaster);
    program(0, 5);
    const int event = wiring.event(0);
    const int flags = ::fcntl(event, F_GETFL);
    ASSERT_EQ(::fcntl(event, F_SETFL, flags & ~O_NONBLOCK), 0);
    ASSERT_EQ(::eventfd_write(event, UINT64_MAX - 1), 0);
    std::atomic<bool> begun{false};
    std::jthread raiser([&] {
        begun = true;
        msix->raise(0);
    });
    while (!begun) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    word(0, 3, 1);
    raiser.join();
    ASSERT_EQ(::fcntl(event, F_SETFL, flags), 0);
    EXPECT_EQ(read(kPba), 1u);
    EXPECT_EQ(wiring.sent(), Messages{message(5)}) << "what the event was full of";
    word(0, 3, 0);
    EXPECT_EQ(wiring.sent(), Messages{message(5)});
}

// One thread masks, moves and unmasks as fast as it can; each interrupt that another raises
// arrives.
TEST_F(PciMsix, RaisedWhileTheGuestMasks_IsNeverLost) {
    command(kCommandMaster);
    program(0, 5);
    std::atomic<bool> done{false};
    std::jthread guest([&] {
        for (std::uint32_t round = 0; !done; ++round) {
            switch (round % 3) {
                case 0:
                    word(0, 3, 1);
                    word(0, 2, round);
                    word(0, 3, 0);
                    break;
                case 1:
                    control(kEnable | kMaskAll);
                    control(kEnable);
                    break;
                default:
                    word(0, 2, round);
            }
        }
    });
    int lost = 0;
    for (int i = 0; i < 3000 && lost == 0; ++i) {
        msix->raise(0);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (wiring.sent().empty())
            if (std::chrono::steady_clock::now() > deadline) {
                ++lost;
                break;
            }
    }
    done = true;
    EXPECT_EQ(lost, 0);
}

TEST_F(PciMsix, Create_FailsIfTheKernelHasNoEvents) {
    wiring.refuse(true);
    EXPECT_FALSE(Msix::create(wiring, "test", 0, 2));
}

}  // namespace
}  // namespace rvmm::devices::pci
