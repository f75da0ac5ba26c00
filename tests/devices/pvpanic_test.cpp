#include "devices/pvpanic.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace rvmm::devices {
namespace {

using Kind = Pvpanic::Message::Kind;

class PvpanicTest : public ::testing::Test {
  protected:
    std::uint64_t in(std::uint64_t offset, std::size_t size) {
        Bytes data(8, std::byte{0});
        std::ranges::fill(std::span(data).first(size), std::byte{0xff});
        device.read(offset, std::span(data).first(size));
        return load_le<std::uint64_t>(data);
    }
    void out(std::uint64_t offset, std::uint64_t value, std::size_t size = 1) {
        Bytes data(8);
        store_le(data, value);
        device.write(offset, std::span(data).first(size));
    }
    std::vector<Kind> kinds() const {
        std::vector<Kind> all;
        for (const auto& message : heard) all.push_back(message.kind);
        return all;
    }
    std::vector<Pvpanic::Message> heard;
    Pvpanic device{[this](const Pvpanic::Message& message) { heard.push_back(message); }};
};

TEST_F(PvpanicTest, Reads_SayEventsAndMagic) {
    EXPECT_EQ(in(0, 1), 0x07u);
    EXPECT_EQ(in(0, 2), 0x07u) << "Linux's binding has 16 bits";
    EXPECT_EQ(in(4, 4), 0x6d6d7672u);
    EXPECT_EQ(in(0, 8), 0x6d6d7672'0000'0007u);
    EXPECT_TRUE(heard.empty());
}

TEST_F(PvpanicTest, ReadsOfAnyPart_ArePartsOfTheWhole) {
    const std::uint64_t whole = in(0, 8);
    for (std::uint64_t offset = 0; offset < 20; ++offset)
        for (std::size_t size = 1; size <= 8; ++size) {
            const std::uint64_t left = offset < 8 ? whole >> (8 * offset) : 0;
            const std::uint64_t mask = size == 8 ? UINT64_MAX : (1ULL << (8 * size)) - 1;
            EXPECT_EQ(in(offset, size), left & mask) << offset << " " << size;
        }
    EXPECT_EQ(in(UINT64_MAX, 8), 0u);
}

TEST_F(PvpanicTest, Events_TheFirstOfSeveralCounts) {
    struct Case {
        std::uint8_t written;
        std::vector<Kind> heard;
    };
    const std::vector<Case> cases = {{0, {}},
                                     {1, {Kind::kPanicked}},
                                     {2, {Kind::kCrashLoaded}},
                                     {3, {Kind::kPanicked}},
                                     {4, {Kind::kShutdown}},
                                     {6, {Kind::kCrashLoaded}},
                                     {7, {Kind::kPanicked}},
                                     {0xf8, {}},
                                     {0xf9, {Kind::kPanicked}}};
    for (const Case& test : cases) {
        std::vector<Kind> all;
        Pvpanic fresh([&](const Pvpanic::Message& message) { all.push_back(message.kind); });
        const std::array<std::byte, 1> data = {std::byte{test.written}};
        fresh.write(Pvpanic::kEvents, data);
        EXPECT_EQ(all, test.heard) << int{test.written};
    }
}

TEST_F(PvpanicTest, Status_IsOneOf64InAnyWidth) {
    for (const std::size_t size : {1U, 2U, 3U, 4U, 8U})
        for (const std::uint64_t status : {0U, 9U, 63U}) {
            std::vector<Pvpanic::Message> all;
            Pvpanic fresh([&](const Pvpanic::Message& message) { all.push_back(message); });
            Bytes data(8);
            store_le(data, status);
            fresh.write(Pvpanic::kStatus, std::span(data).first(size));
            ASSERT_EQ(all.size(), 1u) << size;
            EXPECT_EQ(all[0].kind, Kind::kStatus);
            EXPECT_EQ(all[0].status, status);
        }
}

TEST_F(PvpanicTest, WritesThatAreNone_DoNothing) {
    for (const std::uint64_t status : {64ULL, 255ULL}) out(4, status);
    for (const std::uint64_t status : {64ULL, 0x109ULL, 0x8000'0009ULL, 0xffff'ffffULL})
        out(4, status, 4);
    out(4, 0x1'0000'0009, 8);
    for (const std::uint64_t offset : {1U, 2U, 3U, 5U, 6U, 7U, 8U, 1000U})
        for (std::size_t size = 1; size <= 8; ++size) out(offset, 1, size);
    out(UINT64_MAX, 1, 8);
    device.write(0, {});
    device.write(4, {});
    EXPECT_TRUE(heard.empty());
    // Of a wide write to the events the first byte counts alone: the status is none.
    out(0, 0x3f'0000'0008, 8);
    EXPECT_TRUE(heard.empty());
    out(0, 0x3f'0000'0004, 8);
    EXPECT_EQ(kinds(), std::vector{Kind::kShutdown});
}

TEST_F(PvpanicTest, WhatIsSaidFirst_IsHeardOnce) {
    for (int i = 0; i < 1000; ++i) out(0, 2);
    EXPECT_EQ(kinds(), std::vector{Kind::kCrashLoaded});
    for (int i = 0; i < 1000; ++i) {
        out(4, 9);
        out(0, 1);
        out(0, 4);
        out(0, 2);
    }
    EXPECT_EQ(kinds(), (std::vector{Kind::kCrashLoaded, Kind::kStatus}));
    EXPECT_EQ(heard.back().status, 9);
}

TEST_F(PvpanicTest, ManyVcpus_EndOnce) {
    std::atomic<int> ends{0};
    std::atomic<int> warnings{0};
    Pvpanic fresh([&](const Pvpanic::Message& message) {
        ++(message.kind == Kind::kCrashLoaded ? warnings : ends);
    });
    std::vector<std::thread> vcpus;
    for (int vcpu = 0; vcpu < 4; ++vcpu)
        vcpus.emplace_back([&fresh] {
            for (unsigned i = 0; i < 4000; ++i) {
                const std::array<std::byte, 1> data = {static_cast<std::byte>(i % 8)};
                fresh.write(i / 8 % 2 == 0 ? Pvpanic::kEvents : Pvpanic::kStatus, data);
            }
        });
    for (std::thread& vcpu : vcpus) vcpu.join();
    EXPECT_EQ(ends, 1);
    EXPECT_EQ(warnings, 1);
}

}  // namespace
}  // namespace rvmm::devices
