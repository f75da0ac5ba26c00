#include "realm/layout/foreign_dtb.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "realm/dtb_builder.hpp"

namespace rvmm::realm {
namespace {

using test::DtbBuilder;

std::string error_of(ByteSpan dtb) {
    const auto facts = read_dtb(dtb);
    EXPECT_FALSE(facts);
    if (facts) return "";
    EXPECT_EQ(facts.error().stage(), Stage::kImage);
    return facts.error().message();
}

IpaRange range(std::uint64_t base, std::uint64_t size) {
    return *IpaRange::make(Ipa{base}, size);
}

TEST(ReadDtb, WholeTree_GivesItsFacts) {
    const auto facts =
        read_dtb(DtbBuilder{.cpus = {0, 1, 0x100}, .initrd = {{0x8fcf'9004, 0x8fdf'fffc}}}.build());
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->memory, std::vector{range(0x8000'0000, 256ULL << 20)});
    EXPECT_EQ(facts->cpus, (std::vector<std::uint64_t>{0, 1, 0x100}));
    EXPECT_EQ(facts->initrd, IpaRange::between(Ipa{0x8fcf'9004}, Ipa{0x8fdf'fffc}));
    EXPECT_EQ(facts->bootargs, "quiet");
}

TEST(ReadDtb, OneCellNumbers_AreTakenToo) {
    const auto facts =
        read_dtb(DtbBuilder{.initrd = {{0x8fcf'9004, 0x8fdf'fffc}}, .short_cells = true}.build());
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->memory, std::vector{range(0x8000'0000, 256ULL << 20)});
    EXPECT_EQ(facts->initrd, IpaRange::between(Ipa{0x8fcf'9004}, Ipa{0x8fdf'fffc}));
}

TEST(ReadDtb, MemoryInPieces_IsSortedAndPutTogether) {
    const auto facts = read_dtb(DtbBuilder{
        .memory = {{0x9000'0000, 0x1000'0000}, {0x1'0000'0000, 0x2000}, {0x8000'0000, 0x1000'0000}}}
                                    .build());
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->memory,
              (std::vector{range(0x8000'0000, 0x2000'0000), range(0x1'0000'0000, 0x2000)}));
}

TEST(ReadDtb, WhatFollowsTheTree_IsNotLookedAt) {
    Bytes dtb = DtbBuilder{}.build();
    dtb.resize(dtb.size() + 1000, std::byte{0xff});
    EXPECT_TRUE(read_dtb(dtb));
}

TEST(ReadDtb, NoTree_IsRefused) {
    EXPECT_EQ(error_of({}), "it is no device tree: FDT_ERR_TRUNCATED");
    EXPECT_EQ(error_of(Bytes(4096)), "it is no device tree: FDT_ERR_BADMAGIC");
    Bytes dtb = DtbBuilder{}.build();
    dtb.pop_back();
    EXPECT_EQ(error_of(dtb), "it is no device tree: FDT_ERR_TRUNCATED");
}

// Found by the fuzz target: libfdt's check crashes where such a tree's root has a name.
TEST(ReadDtb, OldTree_IsRefusedBeforeAnythingElse) {
    Bytes dtb = DtbBuilder{}.build();
    dtb[23] = std::byte{2};  // version
    dtb[27] = std::byte{1};  // last compatible version
    EXPECT_EQ(error_of(dtb), "it is a device tree of version 2");
}

// Found by the fuzz target: libfdt's check never ends.
TEST(ReadDtb, PropertyThatLeadsBack_IsRefused) {
    Bytes dtb = DtbBuilder{}.build();
    const auto property =
        std::ranges::search(dtb, Bytes{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{3}})
            .begin();
    ASSERT_NE(property, dtb.end());
    std::ranges::fill_n(property + 4, 3, std::byte{0xff});
    *(property + 7) = std::byte{0xf4};
    EXPECT_EQ(error_of(dtb), "it is no device tree: FDT_ERR_BADSTRUCTURE");
}

TEST(ReadDtb, NonsensicalTrees_AreRefused) {
    EXPECT_EQ(error_of(DtbBuilder{.memory = {}}.build()), "it has no memory node");
    EXPECT_EQ(error_of(DtbBuilder{.cpus = {}}.build()), "it has no CPUs");
    EXPECT_EQ(error_of(DtbBuilder{.memory = {{0xffff'ffff'ffff'0000, 0x2'0000}}}.build()),
              "its memory at 0xffffffffffff0000 wraps around");
    EXPECT_EQ(
        error_of(DtbBuilder{.memory = {{0x8000'0000, 0x2000}, {0x8000'1000, 0x2000}}}.build()),
        "its memory at 0x80001000 is there twice");
    EXPECT_EQ(error_of(DtbBuilder{.initrd = {{0x9000, 0x9000}}}.build()),
              "its linux,initrd-end 0x9000 is not above its start 0x9000");
    EXPECT_EQ(error_of(DtbBuilder{.initrd_start_only = 0x9000}.build()),
              "it has one of linux,initrd-start and linux,initrd-end only");
}

}  // namespace
}  // namespace rvmm::realm
