#include "devices/serial16550.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace rvmm::devices {
namespace {

struct Sink final : ByteSink {
    bool put(ByteSpan bytes) override {
        if (text.size() + bytes.size() > room) return false;
        for (const std::byte b : bytes) text += static_cast<char>(b);
        return true;
    }
    std::string text;
    std::size_t room = SIZE_MAX;
};

class Serial : public ::testing::Test {
  protected:
    std::uint8_t in(unsigned index) {
        std::array<std::byte, 1> data{};
        uart.read(index, data);
        return std::to_integer<std::uint8_t>(data[0]);
    }
    void out(unsigned index, unsigned value) {
        const std::array<std::byte, 1> data = {static_cast<std::byte>(value)};
        uart.write(index, data);
    }
    Sink sink;
    bool line = false;
    Serial16550 uart{sink, [this](bool level) { line = level; }};
};

TEST_F(Serial, Transmit_ReachesSinkAndStaysEmpty) {
    EXPECT_EQ(in(5) & 0x60, 0x60);
    out(0, 'h');
    out(0, 'i');
    EXPECT_EQ(sink.text, "hi");
    EXPECT_EQ(in(5) & 0x60, 0x60);
}

TEST_F(Serial, TransmitInterrupt_RaisedOnEnableAndAcknowledgedByRead) {
    out(1, 0x02);
    EXPECT_TRUE(line);
    EXPECT_EQ(in(2) & 0x0f, 0x02);
    EXPECT_FALSE(line);
    EXPECT_EQ(in(2) & 0x0f, 0x01);
    out(0, 'x');
    EXPECT_TRUE(line);
}

TEST_F(Serial, FullSink_HoldsTheByteUntilDrained) {
    sink.room = 1;
    out(1, 0x02);
    out(0, 'a');
    out(0, 'b');
    EXPECT_EQ(in(5) & 0x60, 0);
    EXPECT_FALSE(line);
    sink.room = 2;
    uart.output_drained();
    EXPECT_EQ(sink.text, "ab");
    EXPECT_EQ(in(5) & 0x60, 0x60);
    EXPECT_TRUE(line);
}

TEST_F(Serial, Input_RaisesInterruptAndIsBounded) {
    bool wanted = false;
    uart.set_input_wanted([&] { wanted = true; });
    out(1, 0x01);
    const Bytes many(3000, std::byte{'z'});
    const std::size_t taken = uart.input(many);
    EXPECT_EQ(taken, 1024u);
    EXPECT_TRUE(line);
    EXPECT_EQ(in(2) & 0x0f, 0x04);
    for (std::size_t i = 0; i < taken; ++i) EXPECT_EQ(in(0), 'z');
    EXPECT_TRUE(wanted);
    EXPECT_FALSE(line);
    EXPECT_EQ(in(5) & 1, 0);
}

TEST_F(Serial, LoopBack_MirrorsModemLines) {
    out(4, 0x10 | 0x0a);
    EXPECT_EQ(in(6) & 0xf0, 0x90);
    out(0, 'q');
    EXPECT_EQ(in(0), 'q');
    EXPECT_TRUE(sink.text.empty());
}

TEST_F(Serial, DivisorLatch_HidesDataRegisters) {
    out(3, 0x83);
    out(0, 0x34);
    out(1, 0x12);
    EXPECT_EQ(in(0), 0x34);
    EXPECT_EQ(in(1), 0x12);
    out(3, 0x03);
    EXPECT_EQ(in(1), 0);
    EXPECT_TRUE(sink.text.empty());
}

TEST_F(Serial, Fifos_AreReported) {
    EXPECT_EQ(in(2), 0x01);
    out(2, 0x07);
    EXPECT_EQ(in(2), 0xc1);
}

struct Fixed final : Device {
    explicit Fixed(std::uint8_t v) : value(v) {}
    std::string_view name() const override { return "fixed"; }
    void read(std::uint64_t offset, MutableByteSpan data) override {
        data[0] = static_cast<std::byte>(value + offset);
    }
    void write(std::uint64_t, ByteSpan) override { ++writes; }
    std::uint8_t value;
    int writes = 0;
};

TEST(Bus, Access_GoesToTheWindowThatHoldsIt) {
    Bus bus;
    auto low = std::make_shared<Fixed>(1);
    auto high = std::make_shared<Fixed>(100);
    ASSERT_TRUE(bus.add(*IpaRange::make(Ipa{0x2000}, 0x10), high));
    ASSERT_TRUE(bus.add(*IpaRange::make(Ipa{0x1000}, 0x10), low));
    std::array<std::byte, 1> data{};
    EXPECT_TRUE(bus.read(Ipa{0x1003}, data));
    EXPECT_EQ(std::to_integer<int>(data[0]), 4);
    EXPECT_TRUE(bus.read(Ipa{0x2000}, data));
    EXPECT_EQ(std::to_integer<int>(data[0]), 100);
    std::array<std::byte, 8> wide{};
    wide.fill(std::byte{0xff});
    EXPECT_FALSE(bus.read(Ipa{0x100c}, wide)) << "crosses the window's end";
    EXPECT_EQ(wide[0], std::byte{0});
    EXPECT_FALSE(bus.write(Ipa{0xfff}, data));
    EXPECT_FALSE(bus.read(Ipa{UINT64_MAX}, wide));
    EXPECT_TRUE(bus.write(Ipa{0x2001}, data));
    EXPECT_EQ(high->writes, 1);
}

TEST(Bus, Overlap_IsRefused) {
    Bus bus;
    ASSERT_TRUE(bus.add(*IpaRange::make(Ipa{0x1000}, 0x10), std::make_shared<Fixed>(1)));
    EXPECT_FALSE(bus.add(*IpaRange::make(Ipa{0x100f}, 1), std::make_shared<Fixed>(1)));
    EXPECT_FALSE(bus.add(*IpaRange::make(Ipa{0x3000}, 0), std::make_shared<Fixed>(1)));
    EXPECT_TRUE(bus.add(*IpaRange::make(Ipa{0x1010}, 1), std::make_shared<Fixed>(1)));
}

}  // namespace
}  // namespace rvmm::devices
