// The registers of virtio-pci: the common configuration, and the window in configuration space.
#include <gtest/gtest.h>

#include "devices/virtio/pci_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

class VirtioPciRegisters : public PciBench, public ::testing::Test {};

TEST_F(VirtioPciRegisters, CommonConfig_AnswersEachFieldAtItsSizeAlone) {
    enable_function();
    struct Case {
        unsigned field;
        unsigned size;
        std::uint64_t value;
    };
    for (const auto& [field, size, value] :
         std::initializer_list<Case>{{kCommonFeatureSelect, 4, 0},
                                     {kCommonFeature, 4, 0x3000'0001},
                                     {kCommonQueues, 2, 2},
                                     {kCommonSelect, 2, 0},
                                     {kCommonSize, 2, 64},
                                     {kCommonVector, 2, 0xffff},
                                     {kCommonConfigVector, 2, 0xffff},
                                     {kCommonEnable, 2, 0},
                                     {kCommonStatus, 1, 0},
                                     {kCommonGeneration, 1, 0},
                                     {0x38, 2, 0},
                                     {0x3a, 2, 0},
                                     {0x3c, 4, 0}}) {
        for (unsigned width = 1; width <= 8; ++width) {
            Bytes data(8, std::byte{0});
            guest.read(structure(1).address + field, MutableByteSpan(data).first(width));
            EXPECT_EQ(load_le<std::uint64_t>(data), width == size ? value : 0)
                << field << ": " << width;
        }
    }
    EXPECT_EQ(get<std::uint32_t>(0x40), 0u);
    EXPECT_EQ(get<std::uint32_t>(0xffc), 0u);
    set<std::uint8_t>(kCommonSelect, 1);  // too narrow, too wide
    set<std::uint32_t>(kCommonSelect, 1);
    EXPECT_EQ(get<std::uint16_t>(kCommonSelect), 0u);
    set(kCommonFeatureSelect, 1U);
    EXPECT_EQ(get<std::uint32_t>(kCommonFeature), 3u);
    set(kCommonFeatureSelect, 2U);
    EXPECT_EQ(get<std::uint32_t>(kCommonFeature), 0u);
}

TEST_F(VirtioPciRegisters, QueueAddresses_AreWrittenWholeOrInHalves) {
    enable_function();
    for (unsigned field = kCommonAreas; field < 0x38; field += 8) {
        set<std::uint64_t>(field, 0x1122'3344'5566'7788);
        EXPECT_EQ(get<std::uint32_t>(field), 0x5566'7788u);
        EXPECT_EQ(get<std::uint32_t>(field + 4), 0x1122'3344u);
        set<std::uint32_t>(field + 4, 5);
        EXPECT_EQ(get<std::uint64_t>(field), 0x5'5566'7788u);
        set<std::uint16_t>(field, 0);
        set<std::uint64_t>(field + 4, 0);  // across two of them
        EXPECT_EQ(get<std::uint64_t>(field), 0x5'5566'7788u);
    }
}

TEST_F(VirtioPciRegisters, QueueThatIsNotThere_HasNothing) {
    enable_function();
    for (const std::uint16_t queue : std::initializer_list<std::uint16_t>{2, 64, 0xffff}) {
        set<std::uint16_t>(kCommonSelect, queue);
        set<std::uint16_t>(kCommonVector, 1);
        set<std::uint16_t>(kCommonEnable, 1);
        set<std::uint64_t>(kCommonAreas, UINT64_MAX);
        EXPECT_EQ(get<std::uint16_t>(kCommonSize), 0u);
        EXPECT_EQ(get<std::uint16_t>(kCommonVector), 0xffffu);
        EXPECT_EQ(get<std::uint16_t>(kCommonEnable), 0u);
        EXPECT_EQ(get<std::uint16_t>(kCommonNotifyOff), 0u);
        EXPECT_EQ(get<std::uint64_t>(kCommonAreas), 0u);
    }
}

TEST_F(VirtioPciRegisters, VectorThatIsNotThere_ReadsAsNone) {
    enable_function();
    for (const unsigned field : {kCommonConfigVector, kCommonVector}) {
        for (const std::uint16_t vector : std::initializer_list<std::uint16_t>{3, 0x7ff, 0xfffe}) {
            set<std::uint16_t>(field, 2);
            EXPECT_EQ(get<std::uint16_t>(field), 2u);
            set<std::uint16_t>(field, vector);
            EXPECT_EQ(get<std::uint16_t>(field), 0xffffu) << vector;
        }
    }
}

TEST_F(VirtioPciRegisters, QueueEnable_IsNotTakenBack) {
    enable_function();
    negotiate();
    set<std::uint16_t>(kCommonEnable, 2);
    EXPECT_EQ(get<std::uint16_t>(kCommonEnable), 0u);
    set<std::uint16_t>(kCommonEnable, 1);
    set<std::uint16_t>(kCommonEnable, 0);
    EXPECT_EQ(get<std::uint16_t>(kCommonEnable), 1u);
}

/// The window in the configuration space onto the BAR.
class VirtioPciWindow : public VirtioPciRegisters {
  protected:
    void aim(std::uint8_t bar, std::uint32_t offset, std::uint32_t length) {
        guest.set_config<std::uint8_t>(kSlot, at + 4, bar);
        guest.set_config<std::uint32_t>(kSlot, at + 8, offset);
        guest.set_config<std::uint32_t>(kSlot, at + 12, length);
    }
    const std::size_t at = structure(5).capability;
};

TEST_F(VirtioPciWindow, Access_ReachesTheStructuresWithMemoryDisabled) {
    aim(0, kCommonFeature, 4);
    EXPECT_EQ(guest.config<std::uint32_t>(kSlot, at + 16), 0x3000'0001u);
    aim(0, kCommonStatus, 1);
    guest.set_config<std::uint32_t>(kSlot, at + 16, 0xffff'ff01);
    EXPECT_EQ(transport->frontend().status(), 1u);
    EXPECT_EQ(guest.config<std::uint8_t>(kSlot, at + 16), 1u);
    aim(0, kCommonSelect, 2);
    guest.set_config<std::uint16_t>(kSlot, at + 16, 1);
    aim(0, kCommonSize, 2);
    EXPECT_EQ(guest.config<std::uint16_t>(kSlot, at + 16), 32u);
    aim(0, 0x2001, 1);
    EXPECT_EQ(guest.config<std::uint8_t>(kSlot, at + 16), 8u);
}

TEST_F(VirtioPciWindow, Notification_GoesThroughItToo) {
    start_with_msix();
    offer(0, 0, "window");
    aim(0, 0x3000, 2);
    guest.set_config<std::uint16_t>(kSlot, at + 16, 0);
    settle();
    EXPECT_EQ(answer(6), "window");
}

TEST_F(VirtioPciWindow, WhatIsNoAccess_ReachesNothing) {
    struct Case {
        std::uint8_t bar;
        std::uint32_t offset;
        std::uint32_t length;
    };
    for (const auto& [bar, offset, length] :
         std::initializer_list<Case>{{0, kCommonStatus, 0},
                                     {0, kCommonStatus, 3},
                                     {0, kCommonStatus, 5},
                                     {0, kCommonStatus, 8},
                                     {0, kCommonStatus, UINT32_MAX},
                                     {0, kCommonStatus, 0x8000'0000},
                                     {1, 0, 4},
                                     {2, 0, 4},
                                     {5, 0, 4},
                                     {6, 0, 4},
                                     {255, 0, 4},
                                     {0, 0x4000, 1},
                                     {0, 0x3ffe, 4},
                                     {0, 0x3fff, 2},
                                     {0, UINT32_MAX, 1},
                                     {0, 0xffff'fffc, 4},
                                     {0, 0xffff'fffe, 4},
                                     {0, kCommonFeature + 2, 4},
                                     {0, 1, 2}}) {
        aim(bar, offset, length);
        guest.set_config<std::uint32_t>(kSlot, at + 16, 0xa5a5'a5a5);
        EXPECT_EQ(guest.config<std::uint32_t>(kSlot, at + 16), 0xa5a5'a5a5u)
            << bar << " " << offset << " " << length;
        EXPECT_EQ(transport->frontend().status(), 0u);
    }
}

TEST_F(VirtioPciWindow, AnyWidthAndPlace_NeitherCorruptsNorCrashes) {
    const Bytes ones(8, std::byte{0xff});
    std::array<std::byte, 8> out{};
    const auto header = guest.config<std::uint32_t>(kSlot, at);
    for (const std::uint32_t offset : {0U, 4U, 0x14U, 0x1000U, 0x2000U, 0x3000U, 0x3ffcU})
        for (const std::uint32_t length : {1U, 2U, 4U})
            for (std::size_t place = at; place < at + 20; ++place)
                for (std::size_t size = 1; size <= 8; ++size) {
                    aim(0, offset, length);
                    guest.read_config(kSlot, place, MutableByteSpan(out).first(size));
                    guest.write_config(kSlot, place, ByteSpan(ones).first(size));
                    settle();
                }
    EXPECT_EQ(guest.config<std::uint32_t>(kSlot, at), header);
    EXPECT_EQ(guest.config<std::uint16_t>(kSlot, at + 6), 0u) << "padding";
    EXPECT_EQ(guest.config<std::uint8_t>(kSlot, at + 5), 0u) << "id";
}

}  // namespace
}  // namespace rvmm::devices::virtio
