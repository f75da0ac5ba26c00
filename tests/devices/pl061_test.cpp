#include "devices/pl061.hpp"

#include <array>

#include <gtest/gtest.h>

#include "devices/power_key.hpp"

namespace rvmm::devices {
namespace {

class Gpio : public ::testing::Test {
  protected:
    std::uint32_t in(std::uint64_t offset) const {
        std::array<std::byte, 4> data{};
        data.fill(std::byte{0xff});
        gpio->read(offset, data);
        return load_le<std::uint32_t>(data);
    }
    void out(std::uint64_t offset, std::uint8_t value) const {
        const std::array<std::byte, 1> data = {std::byte{value}};
        gpio->write(offset, data);
    }
    bool line = false;
    unsigned rises = 0;
    std::shared_ptr<Pl061> gpio = std::make_shared<Pl061>([this](bool level) {
        EXPECT_NE(level, line) << "only changes are told";
        line = level;
        rises += level ? 1 : 0;
    });
};

TEST_F(Gpio, Data_IsMaskedByTheAddress) {
    gpio->set_input(0, true);
    gpio->set_input(3, true);
    EXPECT_EQ(in(0x3fc), 0x09u);
    EXPECT_EQ(in(0x020), 0x08u);
    EXPECT_EQ(in(0x000), 0u);
    out(0x3fc, 0xf0);
    EXPECT_EQ(in(0x3fc), 0x09u) << "inputs are not written";
    out(0x400, 0xf1);
    EXPECT_EQ(in(0x3fc), 0x08u);
    out(0x0c4, 0xff);  // lines 5, 4 and 0
    EXPECT_EQ(in(0x3fc), 0x39u);
    out(0x040, 0);
    EXPECT_EQ(in(0x3fc), 0x29u);
}

TEST_F(Gpio, Edges_AreLatchedUntilCleared) {
    struct Case {
        std::uint8_t both, rising;
        bool on_rise, on_fall;
    };
    for (const Case& c : {Case{0, 8, true, false}, {0, 0, false, true}, {8, 0, true, true}}) {
        out(0x410, 8);
        out(0x408, c.both);
        out(0x40c, c.rising);
        for (const bool level : {true, false}) {
            gpio->set_input(3, level);
            gpio->set_input(3, level);
            const bool raised = level ? c.on_rise : c.on_fall;
            EXPECT_EQ(line, raised);
            EXPECT_EQ(in(0x414), raised ? 8u : 0u);
            EXPECT_EQ(in(0x418), raised ? 8u : 0u);
            out(0x41c, 8);
            EXPECT_FALSE(line);
        }
    }
}

TEST_F(Gpio, Levels_FollowTheLine) {
    out(0x404, 1);
    out(0x410, 1);
    EXPECT_TRUE(line) << "low is active";
    out(0x41c, 1);
    EXPECT_TRUE(line) << "a level is not cleared";
    gpio->set_input(0, true);
    EXPECT_FALSE(line);
    out(0x40c, 1);
    EXPECT_TRUE(line);
    EXPECT_EQ(in(0x418), 1u);
    out(0x410, 0);
    EXPECT_FALSE(line);
    EXPECT_EQ(in(0x414), 1u);
    EXPECT_EQ(in(0x418), 0u);
    out(0x400, 1);
    EXPECT_EQ(in(0x414), 0u) << "an output has none";
}

TEST_F(Gpio, Registers_KeepWhatIsWritten) {
    for (const std::uint64_t offset : {0x400U, 0x404U, 0x408U, 0x40cU, 0x410U, 0x420U}) {
        out(offset, 0xa5);
        EXPECT_EQ(in(offset), 0xa5u) << offset;
        out(offset, 0);
    }
    for (const std::uint64_t offset : {0x414U, 0x418U, 0x41cU, 0x424U, 0xfdcU, 0xfe0U, 0x2000U}) {
        const std::uint32_t before = in(offset);
        out(offset, 0xff);
        EXPECT_EQ(in(offset), before) << offset;
    }
}

TEST_F(Gpio, Identification_IsThatOfAPl061) {
    constexpr std::array<std::uint32_t, 8> kIds = {0x61, 0x10, 0x04, 0, 0x0d, 0xf0, 0x05, 0xb1};
    for (std::size_t i = 0; i < kIds.size(); ++i) EXPECT_EQ(in(0xfe0 + 4 * i), kIds[i]) << i;
}

TEST_F(Gpio, OddAccesses_AreNone) {
    std::array<std::byte, 8> data{};
    data.fill(std::byte{0xff});
    gpio->write(0x400, data);
    gpio->write(0x401, std::span(data).first(1));
    EXPECT_EQ(in(0x400), 0u);
    gpio->read(0xfe0, data);
    EXPECT_EQ(data[0], std::byte{0});
    gpio->set_input(8, true);
    EXPECT_EQ(in(0x3fc), 0u);
}

TEST_F(Gpio, PowerKey_IsPressedAndReleased) {
    asio::io_context loop{1};
    out(0x408, 8);
    out(0x410, 8);
    {
        PowerKey key(loop, gpio);
        key.press();
        EXPECT_EQ(in(0x3fc), 8u);
        out(0x41c, 8);
        key.press();
        EXPECT_EQ(rises, 1u) << "it is pressed already";
        loop.run();
        EXPECT_EQ(in(0x3fc), 0u);
        EXPECT_EQ(rises, 2u);
        key.press();
    }
    loop.restart();
    loop.run();
    EXPECT_EQ(in(0x3fc), 8u) << "without the key nobody releases it";
}

}  // namespace
}  // namespace rvmm::devices
