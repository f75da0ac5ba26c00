// Where every declared field and bit lies, written down a second time and compared by the compiler.
#include "rmi/records.hpp"

#include <algorithm>
#include <type_traits>

#include "rmi/features.hpp"
#include "rmi/rmi.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::rmi {
namespace {

struct Place {
    std::size_t offset;
    std::size_t size;
};

/// R is `size` bytes and nothing else, and its fields, in order, lie at `places`.
template <class R, std::size_t Count>
constexpr bool lies_at(std::size_t size, const Place (&places)[Count]) {
    return sizeof(R) == size && std::is_trivially_copyable_v<R> &&
           well_formed(kFieldInfos<R>, size) &&
           std::ranges::equal(kFieldInfos<R>, places,
                              [](const FieldInfo& field, const Place& place) {
                                  return field.offset == place.offset && field.size() == place.size;
                              });
}

/// The masks of `bits`, in order, are `masks`.
template <std::size_t Count>
constexpr bool has_masks(std::span<const BitInfo> bits, const std::uint64_t (&masks)[Count]) {
    return well_formed(bits) && std::ranges::equal(bits, masks, {}, &BitInfo::mask);
}

static_assert(lies_at<RealmParams>(4096, {{0x000, 8},
                                          {0x008, 4},
                                          {0x010, 4},
                                          {0x018, 4},
                                          {0x020, 4},
                                          {0x028, 4},
                                          {0x030, 1},
                                          {0x038, 4},
                                          {0x400, 64},
                                          {0x440, 8},
                                          {0x800, 2},
                                          {0x808, 8},
                                          {0x810, 8},
                                          {0x818, 4},
                                          {0x820, 8},
                                          {0x828, 24},
                                          {0x828, 8},
                                          {0xf80, 24}}));
static_assert(has_masks(RealmParams::kFlags0Bits, {0x1, 0x2, 0x4, 0x8, 0x60, 0x180}));
static_assert(has_masks(RealmParams::kFlags1Bits, {0x1, 0x2}));

static_assert(lies_at<RecParams>(
    4096, {{0x000, 8}, {0x100, 8}, {0x200, 8}, {0x300, 64}, {0x800, 8}, {0x808, 128}}));
static_assert(has_masks(RecParams::kFlagsBits, {0x1}));

static_assert(lies_at<DataMeasurement>(
    256, {{0x00, 1}, {0x08, 8}, {0x10, 64}, {0x50, 8}, {0x58, 8}, {0x60, 64}}));
static_assert(has_masks(DataMeasurement::kFlagsBits, {0x1}));
static_assert(lies_at<RecMeasurement>(256, {{0x00, 1}, {0x08, 8}, {0x10, 64}, {0x50, 64}}));
static_assert(lies_at<RipasMeasurement>(256,
                                        {{0x00, 1}, {0x08, 8}, {0x10, 64}, {0x50, 8}, {0x58, 8}}));

static_assert(lies_at<RsiRealmConfig>(
    4096, {{0x00, 8}, {0x08, 1}, {0x10, 1}, {0x18, 4}, {0x20, 8}, {0x200, 64}}));
static_assert(lies_at<RsiHostCall>(256, {{0x00, 2}, {0x08, 248}}));

static_assert(lies_at<RmiResult>(8, {{0, 8}}) && lies_at<RmiIncompleteResult>(8, {{0, 8}}));
static_assert(has_masks(RmiResult::kBits, {0xff, 0xff00}));
static_assert(has_masks(RmiIncompleteResult::kBits, {0xff, 0x300, 0x400}));

static_assert(lies_at<RmiFeatureRegister0>(8, {{0, 8}}));
static_assert(has_masks(RmiFeatureRegister0::kBits,
                        {0xff, 0x100, 0x200, 0x3c00, 0xf'c000, 0x3f0'0000, 0x400'0000, 0xf800'0000,
                         0x1'0000'0000, 0x2'0000'0000, 0x3c'0000'0000, 0x3c0'0000'0000,
                         0x1'0000'0000, 0x1fe'0000'0000}));
static_assert(lies_at<RmiFeatureRegister1>(8, {{0, 8}}));
static_assert(has_masks(RmiFeatureRegister1::kBits,
                        {0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x3c0, 0x3c00, 0x1'c000}));
static_assert(lies_at<RmiFeatureRegister2>(8, {{0, 8}}));
static_assert(has_masks(RmiFeatureRegister2::kBits,
                        {0x1, 0x2, 0x4, 0x8, 0xf0, 0x100, 0x200, 0x7c00}));
static_assert(lies_at<RmiFeatureRegister3>(8, {{0, 8}}));
static_assert(has_masks(RmiFeatureRegister3::kBits, {0xf, 0x30, 0x40}));
static_assert(lies_at<RmiFeatureRegister4>(8, {{0, 8}}));
static_assert(has_masks(RmiFeatureRegister4::kBits, {0xffff'ffff'ffff'ffff}));
static_assert(lies_at<RsiFeatureRegister0>(8, {{0, 8}}));
static_assert(has_masks(RsiFeatureRegister0::kBits, {0x1, 0x2, 0x4}));

}  // namespace
}  // namespace rvmm::rmi
