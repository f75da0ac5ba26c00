#include "rmi/records.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "rmi/abi_page.hpp"
#include "rmi/features.hpp"
#include "rmi/rmi.hpp"
#include "rmi/rsi.hpp"

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

constexpr FieldInfo field_at(std::size_t offset, std::size_t size, BetaSet betas = kEveryBeta) {
    return {.name = "a", .offset = offset, .width = size, .betas = betas};
}

TEST(WellFormed, FieldsThatOverlapOrPassTheEnd_AreRefused) {
    EXPECT_TRUE(well_formed(std::array{field_at(0, 8), field_at(8, 8)}, 16));
    EXPECT_FALSE(well_formed(std::array{field_at(0, 8), field_at(7, 8)}, 16));
    EXPECT_FALSE(well_formed(std::array{field_at(0, 8), field_at(8, 9)}, 16));
    EXPECT_FALSE(well_formed(std::array{field_at(8, 8), field_at(0, 8)}, 16));
    EXPECT_FALSE(well_formed(std::array{field_at(0, 0)}, 16));
}

TEST(WellFormed, FieldsThatOverlap_AreRefusedWithinOneBetaOnly) {
    EXPECT_TRUE(well_formed(std::array{field_at(0, 8, kOnly10), field_at(0, 8, kAny20)}, 16));
    // Not next to each other in the list, but in the same beta.
    EXPECT_FALSE(well_formed(
        std::array{field_at(0, 16, kOnly10), field_at(0, 4, kAny20), field_at(8, 8, kOnly10)}, 16));
}

TEST(WellFormed, BitsThatOverlap_AreRefusedWithinOneBetaOnly) {
    constexpr BitInfo kLow{"a", 0x3, kOnly10, {}};
    EXPECT_TRUE(well_formed(std::array{kLow, BitInfo{"b", 0x4, kOnly10, {}}}));
    EXPECT_TRUE(well_formed(std::array{kLow, BitInfo{"b", 0x2, kAny20, {}}}));
    EXPECT_FALSE(well_formed(std::array{kLow, BitInfo{"b", 0x6, kEveryBeta, {}}}));
}

TEST(BitField, GetAndSet_TouchTheMaskOnly) {
    using P = RealmParams;
    EXPECT_EQ(P::kMecPolicy.get(0xffff'ffff'ffff'fe7f), 0U);
    EXPECT_EQ(P::kMecPolicy.get(0x180), 3U);
    EXPECT_EQ(P::kMecPolicy.set(0x07, 1), 0x87U);
    EXPECT_EQ(P::kMecPolicy.set(~0ULL, 0), 0xffff'ffff'ffff'fe7fU);
    EXPECT_EQ(P::kMecPolicy.set(0, 7), 0x180U);  // what does not fit is dropped
    EXPECT_EQ(RmiFeatureRegister4::kMecCount.get(~0ULL), ~0ULL);
    EXPECT_EQ(RmiFeatureRegister4::kMecCount.set(1, ~0ULL), ~0ULL);
}

// The layouts as the fact sheets list them (measurement.md section 3 and 4, kvm-realm-abi.md
// section 7.3), by what holds in one beta.
struct Place {
    std::string_view name;
    std::size_t offset;
    std::size_t size;
    bool operator==(const Place&) const = default;
};
void PrintTo(const Place& place, std::ostream* out) {
    *out << place.name << "@" << std::hex << place.offset << "+" << std::dec << place.size;
}

template <class R>
std::vector<Place> places_in(Beta beta) {
    std::vector<Place> places;
    for (const FieldInfo& field : kFieldInfos<R>)
        if (field.betas.contains(beta)) places.push_back({field.name, field.offset, field.size()});
    return places;
}

const std::vector<Place> kCommonParams = {
    {"flags0", 0x00, 8},  {"s2sz", 0x08, 4},         {"sve_vl", 0x10, 4},   {"num_bps", 0x18, 4},
    {"num_wps", 0x20, 4}, {"pmu_num_ctrs", 0x28, 4}, {"hash_algo", 0x30, 1}};

std::vector<Place> params_with(std::initializer_list<Place> others) {
    std::vector<Place> places = kCommonParams;
    places.insert(places.end(), others);
    return places;
}

TEST(Layout, RealmParams_DifferByBeta) {
    EXPECT_EQ(places_in<RealmParams>(Beta::k10), params_with({{"rpv", 0x400, 64},
                                                              {"vmid", 0x800, 2},
                                                              {"rtt_base", 0x808, 8},
                                                              {"rtt_level_start", 0x810, 8},
                                                              {"rtt_num_start", 0x818, 4}}));
    const auto params20_with = [](std::initializer_list<Place> others) {
        std::vector<Place> places = params_with({{"num_aux_planes", 0x38, 4},
                                                 {"rpv", 0x400, 64},
                                                 {"ats_plane", 0x440, 8},
                                                 {"rtt_base", 0x808, 8},
                                                 {"rtt_level_start", 0x810, 8},
                                                 {"rtt_num_start", 0x818, 4},
                                                 {"flags1", 0x820, 8}});
        places.insert(places.end(), others);
        return places;
    };
    EXPECT_EQ(places_in<RealmParams>(Beta::k20Bet1), params20_with({{"aux_rtt_base", 0x828, 24}}));
    EXPECT_EQ(places_in<RealmParams>(Beta::k20Bet2), params20_with({}));
    EXPECT_EQ(places_in<RealmParams>(Beta::k20Bet3),
              params20_with({{"max_num_vdevs", 0x828, 8}, {"aux_rtt_base", 0xf80, 24}}));
    EXPECT_EQ(places_in<RealmParams>(Beta::kTfRmmMain),
              params20_with({{"aux_rtt_base", 0xf80, 24}}));
}

TEST(Layout, RecParams_HaveAuxiliaryGranulesIn10Only) {
    const std::vector<Place> common = {
        {"flags", 0x0, 8}, {"mpidr", 0x100, 8}, {"pc", 0x200, 8}, {"gprs", 0x300, 64}};
    std::vector<Place> in_10 = common;
    in_10.insert(in_10.end(), {{"num_aux", 0x800, 8}, {"aux", 0x808, 128}});
    EXPECT_EQ(places_in<RecParams>(Beta::k10), in_10);
    EXPECT_EQ(places_in<RecParams>(Beta::k20Bet1), common);
}

TEST(Layout, Descriptors_AreTheFactSheets) {
    const Place type = {"type", 0x00, 1};
    const Place len = {"len", 0x08, 8};
    const Place rim = {"rim", 0x10, 64};
    EXPECT_EQ(places_in<DataMeasurement>(Beta::k20Bet1),
              (std::vector<Place>{
                  type, len, rim, {"ipa", 0x50, 8}, {"flags", 0x58, 8}, {"content", 0x60, 64}}));
    EXPECT_EQ(places_in<RecMeasurement>(Beta::k20Bet1),
              (std::vector<Place>{type, len, rim, {"rec_params", 0x50, 64}}));
    EXPECT_EQ(places_in<RipasMeasurement>(Beta::k10),
              (std::vector<Place>{type, len, rim, {"base", 0x50, 8}, {"top", 0x58, 8}}));
    EXPECT_TRUE(places_in<RipasMeasurement>(Beta::k20Bet1).empty());
}

TEST(Layout, RsiRecords_AreTheFactSheets) {
    EXPECT_EQ(
        places_in<RsiRealmConfig>(Beta::k10),
        (std::vector<Place>{{"ipa_width", 0x00, 8}, {"hash_algo", 0x08, 1}, {"rpv", 0x200, 64}}));
    EXPECT_EQ(places_in<RsiRealmConfig>(Beta::kTfRmmMain),
              (std::vector<Place>{{"ipa_width", 0x00, 8},
                                  {"hash_algo", 0x08, 1},
                                  {"num_aux_planes", 0x10, 1},
                                  {"gicv3_vtr", 0x18, 4},
                                  {"ats_plane", 0x20, 8},
                                  {"rpv", 0x200, 64}}));
    EXPECT_EQ(places_in<RsiHostCall>(Beta::k10),
              (std::vector<Place>{{"imm", 0x00, 2}, {"gprs", 0x08, 248}}));
}

// Each field of each record, by its declaration: what is set is read back, lies little-endian at
// the declared offset, and nothing else changes.
template <class R>
void expect_only(const R& record, std::size_t offset, ByteSpan expected, std::string_view name) {
    Bytes whole(R::kSize, std::byte{0xa5});
    std::ranges::copy(expected, whole.begin() + static_cast<std::ptrdiff_t>(offset));
    EXPECT_TRUE(std::ranges::equal(record.bytes(), whole)) << R::kSection << " " << name;
}

template <class R>
R painted() {
    R record;
    std::ranges::fill(record.mutable_bytes(), std::byte{0xa5});
    return record;
}

template <class R, class T, std::size_t Count>
void round_trip(const Field<T, Count>& field) {
    for (std::size_t i = 0; i < Count; ++i) {
        const std::array<std::byte, 8> pattern = {
            std::byte(0x81 + i), std::byte{0x92}, std::byte{0xa3}, std::byte{0xb4},
            std::byte{0xc5},     std::byte{0xd6}, std::byte{0xe7}, std::byte{0xf8}};
        const auto value = static_cast<T>(load_le<std::uint64_t>(pattern));
        R record = painted<R>();
        record.set(field, value, i);
        EXPECT_EQ(record.get(field, i), value) << R::kSection << " " << field.name;
        expect_only(record, field.offset + i * sizeof(T), ByteSpan(pattern).first(sizeof(T)),
                    field.name);
    }
}

template <class R, std::size_t Size>
void round_trip(const ByteField<Size>& field) {
    Bytes value(Size);
    for (std::size_t i = 0; i < Size; ++i) value[i] = std::byte(i + 1);
    R record = painted<R>();
    record.set(field, value);
    EXPECT_TRUE(std::ranges::equal(record.get(field), value)) << R::kSection << " " << field.name;
    expect_only(record, field.offset, value, field.name);
}

template <class R>
class EveryRecord : public testing::Test {};
using EveryRecordType =
    testing::Types<RealmParams, RecParams, DataMeasurement, RecMeasurement, RipasMeasurement,
                   RsiRealmConfig, RsiHostCall, RmiResult, RmiIncompleteResult, RmiFeatureRegister0,
                   RmiFeatureRegister1, RmiFeatureRegister2, RmiFeatureRegister3,
                   RmiFeatureRegister4, RsiFeatureRegister0>;
TYPED_TEST_SUITE(EveryRecord, EveryRecordType);

TYPED_TEST(EveryRecord, EachField_ReadsBackAndTouchesNothingElse) {
    std::apply([](const auto&... field) { (round_trip<TypeParam>(field), ...); },
               TypeParam::kFields);
}

template <class... R>
constexpr std::size_t count_types(testing::Types<R...>) {
    return sizeof...(R);
}
TEST(AllRecords, Count_IsThatOfTheRecordsTestedHere) {
    EXPECT_EQ(all_records().size(), count_types(EveryRecordType()));
}

}  // namespace
}  // namespace rvmm::rmi
