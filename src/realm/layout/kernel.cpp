// Kernel files: arm64 Image (Linux Documentation/arch/arm64/booting.rst), the same gzip'd or as
// EFI zboot (Linux drivers/firmware/efi/libstub/zboot-header.S), and flat binaries.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "realm/layout/guest_layout.hpp"
#include "realm/layout/unpack.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kImageHeaderSize = 64;
constexpr std::size_t kImageTextOffset = 8;   // u64
constexpr std::size_t kImageMemorySize = 16;  // u64
constexpr std::size_t kImageFlags = 24;       // u64
constexpr std::uint64_t kImageFlagBigEndian = 1;
constexpr std::string_view kImageMagic = "ARM\x64";
constexpr std::size_t kImageMagicOffset = 56;

constexpr std::string_view kZbootMagic = "zimg";
constexpr std::size_t kZbootMagicOffset = 4;
constexpr std::size_t kZbootPayloadOffset = 8;  // u32
constexpr std::size_t kZbootPayloadSize = 12;   // u32
constexpr std::size_t kZbootCompression = 24;   // text with a NUL
constexpr std::size_t kZbootCompressionSize = 32;
constexpr std::size_t kZbootHeaderSize = 64;

// Where a kernel without a header, or with a header from before Linux 3.17, expects to be.
constexpr std::uint64_t kDefaultTextOffset = 0x8'0000;

bool has_at(ByteSpan file, std::size_t offset, std::string_view magic) {
    return file.size() >= offset + magic.size() &&
           std::ranges::equal(file.subspan(offset, magic.size()), as_bytes(magic));
}

struct Refused {
    std::size_t offset;
    std::string_view magic;
    std::string_view what;
};
// Files that people pass by mistake: as flat binaries they would start and say nothing.
constexpr std::array kRefused = {
    Refused{0x202, "HdrS", "an x86 kernel (bzImage), not an arm64 one"},
    Refused{0,
            "\x7f"
            "ELF",
            "an ELF file: an Image or a flat binary is needed"},
    Refused{0, "MZ", "an EFI program without an arm64 Image header"},
    Refused{0,
            std::string_view("\xfd"
                             "7zXZ\0",
                             6),
            "xz-compressed: only gzip is unpacked"},
    Refused{0, "\x28\xb5\x2f\xfd", "zstd-compressed: only gzip is unpacked"},
    Refused{0, "BZh", "bzip2-compressed: only gzip is unpacked"},
    Refused{0, "\x02\x21\x4c\x18", "lz4-compressed: only gzip is unpacked"},
    Refused{0, "\x04\x22\x4d\x18", "lz4-compressed: only gzip is unpacked"},
    Refused{0, "\x27\x05\x19\x56", "a U-Boot uImage: an Image is needed"},
    Refused{0, "070701", "a cpio archive: is it the initrd?"},
};

bool is_image(ByteSpan file) {
    return file.size() >= kImageHeaderSize && has_at(file, kImageMagicOffset, kImageMagic);
}

/// `unpacked` is empty if `bytes` are the file's own.
Result<KernelImage> parse_image(KernelFormat format, ByteSpan bytes,
                                std::optional<Contents> unpacked = std::nullopt) {
    if (!is_image(bytes)) return fail(Stage::kImage, "what it unpacks to is no arm64 Image");
    if ((load_le<std::uint64_t>(bytes.subspan(kImageFlags)) & kImageFlagBigEndian) != 0)
        return fail(Stage::kImage, "it is a big-endian kernel");
    auto text_offset = load_le<std::uint64_t>(bytes.subspan(kImageTextOffset));
    auto image_size = load_le<std::uint64_t>(bytes.subspan(kImageMemorySize));
    if (image_size == 0) {
        text_offset = kDefaultTextOffset;
        image_size = align_up(bytes.size(), kPageSize4K).value_or(bytes.size());
    }
    if (!is_aligned(text_offset, kPageSize4K) || text_offset > kMaxMemory ||
        image_size > kMaxMemory)
        return fail(Stage::kImage, "its header is damaged: text_offset {:#x}, image_size {:#x}",
                    text_offset, image_size);
    // Signatures may be appended to an Image: they make the file larger than its memory.
    image_size = std::max<std::uint64_t>(image_size, bytes.size());
    return KernelImage{format, std::move(unpacked), text_offset, image_size};
}

std::string printable(ByteSpan text) {
    std::string result;
    for (const std::byte byte : text) {
        const auto c = static_cast<char>(byte);
        if (c == '\0') break;
        result += c >= ' ' && c <= '~' ? c : '?';
    }
    return result;
}

Result<Contents> unpack_zboot(std::string_view compression, ByteSpan payload, std::uint64_t limit) {
    if (compression == "gzip") return unpack_gzip(payload, limit);
    if (compression == "zstd" || compression == "zstd22") return unpack_zstd(payload, limit);
    return fail(Stage::kImage,
                "its EFI zboot payload is compressed with \"{}\": only gzip and zstd are unpacked",
                compression);
}

Result<KernelImage> parse_unpacked(KernelFormat format, Contents image) {
    const ByteSpan bytes = image.source();
    return parse_image(format, bytes, std::move(image));
}

Result<KernelImage> parse_zboot(ByteSpan file, std::uint64_t limit) {
    if (file.size() < kZbootHeaderSize)
        return fail(Stage::kImage, "its EFI zboot header is truncated");
    const auto offset = load_le<std::uint32_t>(file.subspan(kZbootPayloadOffset));
    const auto size = load_le<std::uint32_t>(file.subspan(kZbootPayloadSize));
    if (offset > file.size() || size > file.size() - offset)
        return fail(Stage::kImage,
                    "its EFI zboot payload ({} bytes at {}) is not within its {} bytes", size,
                    offset, file.size());
    const std::string compression =
        printable(file.subspan(kZbootCompression, kZbootCompressionSize));
    RVMM_TRY(Contents image, unpack_zboot(compression, file.subspan(offset, size), limit));
    return parse_unpacked(KernelFormat::kEfiZboot, std::move(image));
}

}  // namespace

std::string_view to_string(KernelFormat format) {
    switch (format) {
        case KernelFormat::kImage:
            return "Image";
        case KernelFormat::kGzipImage:
            return "gzip'd Image";
        case KernelFormat::kEfiZboot:
            return "EFI zboot";
        case KernelFormat::kFlat:
            return "flat binary";
    }
    return "unknown";
}

Result<KernelImage> parse_kernel(ByteSpan file, std::uint64_t limit) {
    if (file.empty()) return fail(Stage::kImage, "it is empty");
    if (file.size() > limit)
        return fail(Stage::kImage, "its {} bytes are more than {}", file.size(),
                    format_size(limit));
    if (is_image(file)) return parse_image(KernelFormat::kImage, file);
    if (has_at(file, 0, "MZ") && has_at(file, kZbootMagicOffset, kZbootMagic))
        return parse_zboot(file, limit);
    if (has_at(file, 0, "\x1f\x8b")) {
        RVMM_TRY(Contents image, unpack_gzip(file, limit));
        return parse_unpacked(KernelFormat::kGzipImage, std::move(image));
    }
    for (const Refused& refused : kRefused)
        if (has_at(file, refused.offset, refused.magic))
            return fail(Stage::kImage, "it is {}", refused.what);
    return KernelImage{KernelFormat::kFlat, std::nullopt, kDefaultTextOffset, file.size()};
}

}  // namespace rvmm::realm
