#include <algorithm>

#include <gtest/gtest.h>

#include "realm/image_builder.hpp"
#include "realm/layout/guest_layout.hpp"

namespace rvmm::realm {
namespace {

using test::bytes_of;
using test::concatenated;
using test::ImageBuilder;

constexpr std::uint64_t kLimit = 1ULL << 20;

TEST(ParseKernel, Image_IsTakenAsItIs) {
    const Bytes file = ImageBuilder{.text_offset = 0x20'0000, .image_size = 0x9000}.build();
    const auto kernel = parse_kernel(file, kLimit);
    ASSERT_TRUE(kernel) << kernel.error().message();
    EXPECT_EQ(kernel->format, KernelFormat::kImage);
    EXPECT_FALSE(kernel->unpacked);
    EXPECT_EQ(kernel->text_offset, 0x20'0000U);
    EXPECT_EQ(kernel->image_size, 0x9000U);
}

TEST(ParseKernel, ImageOfAnEfiStubKernel_IsAnImage) {
    Bytes file = ImageBuilder{}.build();
    file[0] = std::byte{'M'};
    file[1] = std::byte{'Z'};
    const auto kernel = parse_kernel(file, kLimit);
    ASSERT_TRUE(kernel) << kernel.error().message();
    EXPECT_EQ(kernel->format, KernelFormat::kImage);
}

TEST(ParseKernel, OldImageWithoutSize_NeedsItsFileAtTheOldOffset) {
    const auto kernel = parse_kernel(ImageBuilder{.image_size = 0, .size = 5000}.build(), kLimit);
    ASSERT_TRUE(kernel) << kernel.error().message();
    EXPECT_EQ(kernel->text_offset, 0x8'0000U);
    EXPECT_EQ(kernel->image_size, 0x2000U);
}

TEST(ParseKernel, ImageLargerThanItSays_NeedsItsFile) {
    const auto kernel =
        parse_kernel(ImageBuilder{.image_size = 0x1000, .size = 5000}.build(), kLimit);
    ASSERT_TRUE(kernel) << kernel.error().message();
    EXPECT_EQ(kernel->image_size, 5000U);
}

TEST(ParseKernel, PackedImages_AreUnpacked) {
    const Bytes image = ImageBuilder{.size = 300'000}.build();
    const struct {
        KernelFormat format;
        Bytes file;
    } cases[] = {
        {KernelFormat::kGzipImage, test::gzip(image)},
        {KernelFormat::kEfiZboot, test::zboot(test::gzip(image), "gzip")},
        {KernelFormat::kEfiZboot, test::zboot(test::zstd(image), "zstd")},
        {KernelFormat::kEfiZboot, test::zboot(test::zstd(image), "zstd22")},
        // zboot files go on after the payload: its size, and sections of the PE file.
        {KernelFormat::kEfiZboot,
         concatenated(test::zboot(test::zstd(image), "zstd22"), bytes_of("size and more"))},
    };
    for (const auto& test : cases) {
        const auto kernel = parse_kernel(test.file, kLimit);
        ASSERT_TRUE(kernel) << kernel.error().message();
        EXPECT_EQ(kernel->format, test.format);
        ASSERT_TRUE(kernel->unpacked);
        EXPECT_TRUE(std::ranges::equal(kernel->unpacked->source(), image))
            << to_string(test.format);
    }
}

TEST(ParseKernel, UnpackedSizeAtTheLimit_IsAccepted) {
    const Bytes image = ImageBuilder{.size = 300'000}.build();
    for (const Bytes& file : {test::gzip(image), test::zboot(test::zstd(image), "zstd")}) {
        EXPECT_TRUE(parse_kernel(file, 300'000));
        const auto refused = parse_kernel(file, 299'999);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().message(), "it unpacks to more than 299999");
    }
}

TEST(ParseKernel, FlatBinary_GoesToTheDefaultOffset) {
    const Bytes file = bytes_of("\x01\x02\x03 any code");
    const auto kernel = parse_kernel(file, kLimit);
    ASSERT_TRUE(kernel) << kernel.error().message();
    EXPECT_EQ(kernel->format, KernelFormat::kFlat);
    EXPECT_EQ(kernel->text_offset, 0x8'0000U);
    EXPECT_FALSE(kernel->unpacked);
    EXPECT_EQ(kernel->image_size, file.size());
}

Bytes bzimage() {
    Bytes file(4096);
    file[0] = std::byte{'M'};
    file[1] = std::byte{'Z'};
    std::ranges::copy(as_bytes("HdrS"), file.begin() + 0x202);
    return file;
}

Bytes truncated(Bytes bytes) {
    bytes.resize(bytes.size() - 9);
    return bytes;
}

TEST(ParseKernel, WhatIsNoKernel_IsRefusedByName) {
    const Bytes image = ImageBuilder{}.build();
    const Bytes packed = test::gzip(image);
    const struct {
        Bytes file;
        std::string_view message;
    } cases[] = {
        {{}, "it is empty"},
        {Bytes(kLimit + 1), "its 1048577 bytes are more than 1M"},
        {bzimage(), "it is an x86 kernel (bzImage), not an arm64 one"},
        {bytes_of("\x7f"
                  "ELF and so on"),
         "it is an ELF file: an Image or a flat binary is needed"},
        {bytes_of("MZ and so on"), "it is an EFI program without an arm64 Image header"},
        {bytes_of("\x28\xb5\x2f\xfd"), "it is zstd-compressed: only gzip is unpacked"},
        {bytes_of("070701 cpio"), "it is a cpio archive: is it the initrd?"},
        {ImageBuilder{.flags = 0xb}.build(), "it is a big-endian kernel"},
        {ImageBuilder{.text_offset = 0x8'0001}.build(),
         "its header is damaged: text_offset 0x80001, image_size 0x10000"},
        {ImageBuilder{.image_size = UINT64_MAX}.build(),
         "its header is damaged: text_offset 0x0, image_size 0xffffffffffffffff"},
        {truncated(packed), "its gzip data is damaged or truncated"},
        {concatenated(packed, bytes_of("more")), "4 bytes follow its gzip data"},
        {test::gzip(bytes_of("no image")), "what it unpacks to is no arm64 Image"},
        {test::gzip(packed), "what it unpacks to is no arm64 Image"},
        {truncated(test::zboot(Bytes(100), "gzip")),
         "its EFI zboot payload (100 bytes at 4096) is not within its 4187 bytes"},
        {bytes_of("MZxxzimg"), "its EFI zboot header is truncated"},
        {test::zboot(packed, "xzkern"),
         "its EFI zboot payload is compressed with \"xzkern\": only gzip and zstd are unpacked"},
        {test::zboot(packed, "zstd"), "its zstd data is damaged or truncated"},
        {test::zboot(truncated(test::zstd(image)), "zstd"),
         "its zstd data is damaged or truncated"},
        {test::zboot(concatenated(test::zstd(image), bytes_of("x")), "zstd"),
         "1 bytes follow its zstd data"},
    };
    for (const auto& test : cases) {
        const auto kernel = parse_kernel(test.file, kLimit);
        ASSERT_FALSE(kernel) << test.message;
        EXPECT_EQ(kernel.error().stage(), Stage::kImage);
        EXPECT_EQ(kernel.error().message(), test.message);
    }
}

}  // namespace
}  // namespace rvmm::realm
