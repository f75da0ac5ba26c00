#include "devices/pl031.hpp"

#include <array>

#include <gtest/gtest.h>

namespace rvmm::devices {
namespace {

using namespace std::chrono_literals;

class Rtc : public ::testing::Test {
  protected:
    std::uint32_t in(std::uint64_t offset) const {
        std::array<std::byte, 4> data{};
        rtc->read(offset, data);
        return load_le<std::uint32_t>(data);
    }
    void out(std::uint64_t offset, std::uint32_t value) const {
        std::array<std::byte, 4> data{};
        store_le(data, value);
        rtc->write(offset, data);
    }
    /// Lets the clock run, and the loop until `done`.
    void run_until(const std::function<bool()>& done) {
        runs_since = std::chrono::steady_clock::now();
        while (!done() && std::chrono::steady_clock::now() < *runs_since + 10s) {
            loop.restart();
            loop.run_one_for(20ms);
        }
    }
    std::chrono::system_clock::time_point time() const {
        if (!runs_since) return now;
        return now + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                         std::chrono::steady_clock::now() - *runs_since);
    }

    static constexpr std::uint32_t kStart = 1'700'000'000;
    std::chrono::system_clock::time_point now{std::chrono::seconds(kStart)};
    std::optional<std::chrono::steady_clock::time_point> runs_since;
    bool line = false;
    asio::io_context loop{1};
    std::shared_ptr<Pl031> rtc =
        Pl031::create(loop, [this](bool level) { line = level; }, [this] { return time(); });
};

TEST_F(Rtc, Data_CountsTheClocksSeconds) {
    EXPECT_EQ(in(0x00), kStart);
    now += 1999ms;
    EXPECT_EQ(in(0x00), kStart + 1);
    EXPECT_EQ(in(0x0c), 1u);
    out(0x0c, 0);
    EXPECT_EQ(in(0x0c), 1u) << "it cannot be stopped";
    out(0x00, 5);
    EXPECT_EQ(in(0x00), kStart + 1);
}

TEST_F(Rtc, Load_SetsTheGuestsClock) {
    EXPECT_EQ(in(0x08), 0u);
    out(0x08, UINT32_MAX);
    EXPECT_EQ(in(0x08), UINT32_MAX);
    EXPECT_EQ(in(0x00), UINT32_MAX);
    now += 3s;
    EXPECT_EQ(in(0x00), 2u) << "it wraps";
    EXPECT_EQ(in(0x08), UINT32_MAX);
}

TEST_F(Rtc, Match_RaisesTheLineIfEnabledUntilCleared) {
    out(0x04, kStart + 5);
    EXPECT_EQ(in(0x04), kStart + 5);
    now += 4s;
    EXPECT_EQ(in(0x14), 0u);
    now += 9s;  // past it
    EXPECT_EQ(in(0x14), 1u);
    EXPECT_EQ(in(0x18), 0u);
    EXPECT_FALSE(line);
    out(0x10, 1);
    EXPECT_EQ(in(0x10), 1u);
    EXPECT_EQ(in(0x18), 1u);
    EXPECT_TRUE(line);
    out(0x1c, 1);
    EXPECT_FALSE(line);
    EXPECT_EQ(in(0x14), 0u);
    now += 100s;
    EXPECT_EQ(in(0x14), 0u) << "once in 136 years";
}

TEST_F(Rtc, Match_WithNowIsAtOnce) {
    out(0x10, 1);
    out(0x04, kStart);
    EXPECT_TRUE(line);
    out(0x1c, 1);
    EXPECT_FALSE(line);
    out(0x08, kStart + 50);
    EXPECT_FALSE(line);
    out(0x08, kStart);
    EXPECT_TRUE(line);
}

TEST_F(Rtc, ClockThatIsSetBack_PassesNoMatch) {
    out(0x04, kStart + 5);
    now -= 100s;
    EXPECT_EQ(in(0x14), 0u);
    EXPECT_EQ(in(0x00), kStart - 100);
    now += 105s;
    EXPECT_EQ(in(0x14), 1u);
}

TEST_F(Rtc, Alarm_ComesWithoutAnAccess) {
    now += 950ms;
    out(0x04, kStart + 1000);
    out(0x10, 1);
    loop.poll();
    out(0x04, kStart + 1);  // sooner
    EXPECT_FALSE(line);
    run_until([&] { return line; });
    EXPECT_TRUE(line);
}

TEST_F(Rtc, Alarm_OutlivesNoDevice) {
    out(0x10, 1);
    out(0x04, kStart + 1);
    loop.poll();
    out(0x04, kStart + 2);
    rtc.reset();
    loop.restart();
    loop.run();
    EXPECT_FALSE(line);
}

TEST_F(Rtc, Identification_IsThatOfAPl031) {
    constexpr std::array<std::uint32_t, 8> kIds = {0x31, 0x10, 0x04, 0, 0x0d, 0xf0, 0x05, 0xb1};
    for (std::size_t i = 0; i < kIds.size(); ++i) EXPECT_EQ(in(0xfe0 + 4 * i), kIds[i]) << i;
    EXPECT_EQ(in(0xfdc), 0u);
    EXPECT_EQ(in(0x1000), 0u);
}

TEST_F(Rtc, AccessesOfOtherSizes_AreNone) {
    std::array<std::byte, 8> data{};
    for (const std::size_t size : {1U, 2U, 3U, 5U, 8U}) {
        const auto part = std::span(data).first(size);
        std::ranges::fill(data, std::byte{0xff});
        rtc->read(0, part);
        EXPECT_EQ(part.back(), std::byte{0}) << size;
        std::ranges::fill(data, std::byte{0xff});
        rtc->write(8, part);
    }
    std::ranges::fill(data, std::byte{0xff});
    rtc->write(10, std::span(data).first(4));
    EXPECT_EQ(in(8), 0u);
    EXPECT_EQ(in(2), 0u);
    EXPECT_EQ(in(0), kStart);
}

}  // namespace
}  // namespace rvmm::devices
