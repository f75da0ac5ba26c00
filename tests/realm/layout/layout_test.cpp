#include <algorithm>

#include <gtest/gtest.h>

#include "realm/image_builder.hpp"
#include "realm/layout/guest_layout.hpp"

namespace rvmm::realm {
namespace {

using test::ImageBuilder;
using test::kMiB;

class LayoutTest : public ::testing::Test {
  protected:
    RealmSpec spec(std::uint64_t memory, const Bytes& kernel) {
        RealmSpec result = test::realm_spec(memory);
        result.boot.kernel = dir_.write("kernel", kernel);
        return result;
    }
    RealmSpec with_initrd(RealmSpec result, std::size_t size) {
        result.boot.initrd = dir_.write("initrd", Bytes(size, std::byte{0xee}));
        return result;
    }
    static Result<GuestLayout> lay_out(const RealmSpec& spec, std::uint64_t granule = kPageSize4K) {
        RVMM_TRY(const Board board, make_board(spec));
        return make_layout(spec, board, {.granule = granule});
    }
    static const Blob* find(const GuestLayout& layout, Blob::Kind kind) {
        for (const Blob& blob : layout.blobs)
            if (blob.kind == kind) return &blob;
        return nullptr;
    }
    test::TempDir dir_;
};

TEST_F(LayoutTest, ImageAndInitrd_LieWhereKvmtoolPutsThem) {
    const auto layout =
        lay_out(with_initrd(spec(512 * kMiB, ImageBuilder{.image_size = 16 * kMiB}.build()), 5000));
    ASSERT_TRUE(layout) << layout.error().message();
    ASSERT_EQ(layout->blobs.size(), 3U);
    EXPECT_EQ(layout->blobs[0].kind, Blob::Kind::kKernel);
    EXPECT_EQ(layout->blobs[0].base, Ipa{0x8000'0000});
    EXPECT_EQ(layout->blobs[0].bytes().size(), 0x2000U);
    EXPECT_EQ(layout->blobs[0].contents.size(), 5000U);
    EXPECT_EQ(layout->blobs[1].kind, Blob::Kind::kInitrd);
    EXPECT_EQ(layout->blobs[1].base, Ipa{0x8fdf'e000});
    EXPECT_EQ(layout->blobs[2].kind, Blob::Kind::kFdt);
    EXPECT_EQ(layout->blobs[2].base, Ipa{0x8fe0'0000});
    EXPECT_EQ(layout->entry, Ipa{0x8000'0000});
    EXPECT_EQ(layout->fdt, Ipa{0x8fe0'0000});
}

// The granule decides alignment and tails, and nothing else: with an initrd in the gap, above the
// FDT, and with the FDT in the last pages of RAM.
class LayoutOfGranule : public LayoutTest, public ::testing::WithParamInterface<std::uint64_t> {};

INSTANTIATE_TEST_SUITE_P(PageSizes, LayoutOfGranule, ::testing::Values(4096U, 16384U, 65536U),
                         [](const auto& granule) {
                             return std::to_string(granule.param / 1024) + "K";
                         });

TEST_P(LayoutOfGranule, Blobs_AreWholeGranulesWithZeroTails) {
    const std::uint64_t granule = GetParam();
    for (const auto& [memory, image_size] :
         {std::pair{64 * kMiB, std::uint64_t{0}}, std::pair{64 * kMiB, 0x1'2345 + kMiB},
          std::pair{512 * kMiB, 256 * kMiB - 2 * kMiB - 4097}, std::pair{2 * kMiB, kMiB + 1}}) {
        const Bytes kernel = ImageBuilder{.image_size = image_size}.build();
        const auto layout = lay_out(
            memory > 2 * kMiB ? with_initrd(spec(memory, kernel), 70'001) : spec(memory, kernel),
            granule);
        ASSERT_TRUE(layout) << layout.error().message();
        Ipa free{0x8000'0000};
        for (const Blob& blob : layout->blobs) {
            EXPECT_GE(blob.base, free);
            free = blob.range().top();
            EXPECT_EQ(blob.granule, granule);
            EXPECT_TRUE(is_aligned(blob.base.value, granule));
            EXPECT_EQ(blob.bytes().size(), align_up(blob.contents.size(), granule));
            EXPECT_TRUE(std::ranges::equal(blob.bytes().first(blob.contents.size()),
                                           blob.contents.source()));
            for (std::size_t i = blob.contents.size(); i < blob.bytes().size(); ++i)
                ASSERT_EQ(blob.bytes()[i], std::byte{0});
        }
        EXPECT_LE(free, Ipa{0x8000'0000 + memory});
        EXPECT_EQ(layout->entry, find(*layout, Blob::Kind::kKernel)->base);
        EXPECT_EQ(layout->fdt, find(*layout, Blob::Kind::kFdt)->base);
        // Nothing lies in the kernel's BSS.
        for (const Blob& blob : layout->blobs)
            EXPECT_TRUE(blob.kind == Blob::Kind::kKernel ||
                        blob.base >= layout->entry + image_size);
    }
}

TEST_P(LayoutOfGranule, Initrd_IsAsCloseBelowTheFdtAsGranulesAllow) {
    const auto layout =
        lay_out(with_initrd(spec(64 * kMiB, ImageBuilder{}.build()), 70'001), GetParam());
    ASSERT_TRUE(layout) << layout.error().message();
    const Blob* initrd = find(*layout, Blob::Kind::kInitrd);
    EXPECT_EQ(initrd->base, Ipa{align_down(layout->fdt.value - 70'001, GetParam())});
    EXPECT_EQ(initrd->contents.size(), 70'001U);
}

TEST_P(LayoutOfGranule, TextOffset_IsAMultipleOfIt) {
    for (const std::uint64_t offset : {0x1000U, 0x4000U, 0x1'0000U, 0x8'0000U}) {
        const auto layout =
            lay_out(spec(64 * kMiB, ImageBuilder{.text_offset = offset}.build()), GetParam());
        EXPECT_EQ(layout.has_value(), is_aligned(offset, GetParam())) << offset;
        if (layout) {
            EXPECT_EQ(layout->entry, Ipa{0x8000'0000 + offset});
        } else {
            EXPECT_EQ(layout.error().stage(), Stage::kConfig);
        }
    }
    const auto flat = lay_out(spec(32 * kMiB, test::bytes_of("code")), GetParam());
    ASSERT_TRUE(flat) << flat.error().message();
    EXPECT_EQ(flat->entry, Ipa{0x8008'0000});
}

TEST_P(LayoutOfGranule, SmallRam_HasTheFdtInItsLastGranules) {
    const auto layout = lay_out(spec(2 * kMiB, test::bytes_of("code")), GetParam());
    ASSERT_TRUE(layout) << layout.error().message();
    EXPECT_EQ(layout->fdt, Ipa{0x8020'0000 - GetParam()});
}

TEST_F(LayoutTest, FlatBinary_LeavesRoomForItsStackBelowTheFdt) {
    const auto layout = lay_out(spec(32 * kMiB, test::bytes_of("code")));
    ASSERT_TRUE(layout) << layout.error().message();
    EXPECT_EQ(layout->kernel_format, KernelFormat::kFlat);
    EXPECT_EQ(layout->entry, Ipa{0x8008'0000});
    EXPECT_GE(layout->fdt, Ipa{0x810a'0000});
}

TEST_F(LayoutTest, KernelInTheFdtsPlace_MovesTheFdtToTheEndOfRam) {
    const auto layout = lay_out(spec(1024 * kMiB, ImageBuilder{.image_size = 300 * kMiB}.build()));
    ASSERT_TRUE(layout) << layout.error().message();
    EXPECT_EQ(layout->fdt, Ipa{0xbfff'f000});
}

TEST_F(LayoutTest, InitrdThatFillsTheGapExactly_StaysBelowTheFdt) {
    const Bytes kernel = ImageBuilder{.image_size = 4 * kMiB}.build();
    const auto layout = lay_out(with_initrd(spec(16 * kMiB, kernel), 10 * kMiB));
    ASSERT_TRUE(layout) << layout.error().message();
    EXPECT_EQ(layout->fdt, Ipa{0x80e0'0000});
    EXPECT_EQ(find(*layout, Blob::Kind::kInitrd)->base, Ipa{0x8040'0000});
}

TEST_F(LayoutTest, InitrdTooLargeForTheGap_GoesAboveTheFdt) {
    const Bytes kernel = ImageBuilder{.image_size = 250 * kMiB}.build();
    const auto layout = lay_out(with_initrd(spec(512 * kMiB, kernel), 5 * kMiB));
    ASSERT_TRUE(layout) << layout.error().message();
    EXPECT_EQ(layout->fdt, Ipa{0x8fe0'0000});
    EXPECT_EQ(find(*layout, Blob::Kind::kInitrd)->base, Ipa{0x9000'0000});
    EXPECT_EQ(layout->blobs.back().kind, Blob::Kind::kInitrd);
}

TEST_F(LayoutTest, Initrd_IsInTheFdtByItsSizeInBytes) {
    RealmSpec given = with_initrd(spec(64 * kMiB, ImageBuilder{}.build()), 5001);
    const auto layout = lay_out(given);
    ASSERT_TRUE(layout) << layout.error().message();
    const Blob* initrd = find(*layout, Blob::Kind::kInitrd);
    const auto fdt = make_fdt(given, *make_board(given), IpaRange::make(initrd->base, 5001));
    ASSERT_TRUE(fdt);
    const Blob* blob = find(*layout, Blob::Kind::kFdt);
    EXPECT_TRUE(std::ranges::equal(blob->contents.source(), *fdt));
}

TEST_F(LayoutTest, WhatDoesNotFit_IsRefusedInWords) {
    const auto refused = [](const RealmSpec& given) {
        const auto layout = lay_out(given);
        EXPECT_FALSE(layout);
        if (layout) return std::string();
        EXPECT_EQ(layout.error().stage(), Stage::kConfig);
        return layout.error().message();
    };
    EXPECT_EQ(refused(spec(32 * kMiB, ImageBuilder{.image_size = 40 * kMiB}.build())),
              "kernel (40M) does not fit: RAM is 32M");
    EXPECT_EQ(refused(spec(2 * kMiB, ImageBuilder{.image_size = 2 * kMiB}.build())),
              "kernel (2M) and device tree do not fit: RAM is 2M");
    EXPECT_EQ(refused(spec(2 * kMiB, ImageBuilder{.text_offset = 1ULL << 40}.build())),
              "kernel (1048577M) does not fit: RAM is 2M");
    EXPECT_EQ(refused(with_initrd(spec(16 * kMiB, ImageBuilder{.image_size = 4 * kMiB}.build()),
                                  10 * kMiB + 1)),
              "initrd (11M) does not fit: RAM is 16M, the kernel takes 4M");
}

TEST_F(LayoutTest, FilesThatAreNoImages_AreRefusedByName) {
    const auto refused = [](const RealmSpec& given) {
        const auto layout = lay_out(given);
        EXPECT_FALSE(layout);
        if (layout) return std::string();
        EXPECT_EQ(layout.error().stage(), Stage::kImage);
        return layout.error().message();
    };
    const std::string kernel = (dir_.path() / "kernel").native();
    const std::string initrd = (dir_.path() / "initrd").native();
    EXPECT_EQ(refused(spec(2 * kMiB, {})), "kernel " + kernel + ": it is empty");
    const Bytes image = ImageBuilder{}.build();
    EXPECT_EQ(refused(with_initrd(spec(4 * kMiB, image), 0)), "initrd " + initrd + ": it is empty");
    EXPECT_EQ(refused(with_initrd(spec(2 * kMiB, image), 3 * kMiB)),
              "initrd " + initrd + " is too large: 3145728 bytes, at most 2097152 fit");
    RealmSpec given = spec(2 * kMiB, image);
    given.boot.kernel = dir_.path();
    EXPECT_EQ(refused(given), "kernel " + dir_.path().native() + " is a directory, not a file");
}

}  // namespace
}  // namespace rvmm::realm
