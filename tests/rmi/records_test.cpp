#include "rmi/records.hpp"

#include <gtest/gtest.h>

namespace rvmm::rmi {
namespace {

TEST(Record, Set_StoresLittleEndianAtTheOffset) {
    RealmParams params;
    params.set(RealmParams::kFlags0, 0x0102030405060708);
    params.set(RealmParams::kS2sz, 40);
    params.set(RealmParams::kHashAlgo, 2);
    EXPECT_EQ(to_hex(params.bytes().first(16)), "08070605040302012800000000000000");
    EXPECT_EQ(params.bytes()[0x30], std::byte{2});
    EXPECT_EQ(params.get(RealmParams::kFlags0), 0x0102030405060708U);
    EXPECT_EQ(params.get(RealmParams::kS2sz), 40U);
}

TEST(Record, SetIndexed_StoresEachElement) {
    RecParams rec;
    rec.set(RecParams::kGprs, 0xaa, 0);
    rec.set(RecParams::kGprs, 0x1234, 7);
    EXPECT_EQ(to_hex(rec.bytes().subspan(0x300, 8)), "aa00000000000000");
    EXPECT_EQ(to_hex(rec.bytes().subspan(0x338, 8)), "3412000000000000");
    EXPECT_EQ(rec.get(RecParams::kGprs, 7), 0x1234U);
}

TEST(Record, SetBytes_ZeroesTheRestOfTheField) {
    DataMeasurement descriptor;
    const Bytes ones(64, std::byte{0xff});
    descriptor.set(DataMeasurement::kRim, ones);
    descriptor.set(DataMeasurement::kRim, ByteSpan(ones).first(32));
    EXPECT_EQ(descriptor.get(DataMeasurement::kRim)[31], std::byte{0xff});
    EXPECT_EQ(descriptor.get(DataMeasurement::kRim)[32], std::byte{0});
    EXPECT_EQ(descriptor.bytes()[0x50], std::byte{0});
}

TEST(WellFormed, FieldsThatOverlapOrPassTheEnd_AreRefused) {
    constexpr FieldInfo kFirst{"a", 0, 8};
    EXPECT_TRUE(well_formed(std::array{kFirst, FieldInfo{"b", 8, 8}}, 16));
    EXPECT_FALSE(well_formed(std::array{kFirst, FieldInfo{"b", 7, 8}}, 16));
    EXPECT_FALSE(well_formed(std::array{kFirst, FieldInfo{"b", 8, 9}}, 16));
    EXPECT_FALSE(well_formed(std::array{FieldInfo{"b", 8, 8}, kFirst}, 16));
}

// The offsets of DEN0137 as the facts pages list them, written down a second time.
TEST(Records, Offsets_AreTheSpecifications) {
    EXPECT_EQ(RealmParams::kSveVl.offset, 0x10U);
    EXPECT_EQ(RealmParams::kNumBps.offset, 0x18U);
    EXPECT_EQ(RealmParams::kNumWps.offset, 0x20U);
    EXPECT_EQ(RealmParams::kPmuNumCtrs.offset, 0x28U);
    EXPECT_EQ(RealmParams::kRpv.offset, 0x400U);
    EXPECT_EQ(RecParams::kMpidr.offset, 0x100U);
    EXPECT_EQ(RecParams::kPc.offset, 0x200U);
    EXPECT_EQ(RecParams::kGprs.offset, 0x300U);
    EXPECT_EQ(DataMeasurement::kContent.offset, 0x60U);
    EXPECT_EQ(RecMeasurement::kParams.offset, 0x50U);
}

}  // namespace
}  // namespace rvmm::rmi
