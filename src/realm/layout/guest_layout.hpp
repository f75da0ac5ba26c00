// Where everything lies in guest memory, with the bytes: the images as they were read, and the FDT.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "realm/layout/board.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// Bytes that are loaded before the guest starts. `bytes` is whole pages: the tail of the last
/// page is zero. No two blobs share a page.
struct Blob {
    enum class Kind : std::uint8_t { kKernel, kInitrd, kFdt };
    Kind kind;
    std::string source;         // file name as configured, or "(generated)"
    Ipa base;                   // page aligned
    std::uint64_t source_size;  // bytes that came from the source (after decompression)
    Bytes bytes;
    IpaRange range() const { return IpaRange::make(base, bytes.size()).value_or(IpaRange()); }
};

enum class KernelFormat : std::uint8_t { kImage, kGzipImage, kEfiZboot, kFlat };
std::string_view to_string(KernelFormat format);

struct GuestLayout {
    std::vector<Blob> blobs;  // ascending by base: kernel, [initrd], fdt in some order
    Ipa entry;                // PC of vCPU 0
    Ipa fdt;                  // X0 of vCPU 0
    KernelFormat kernel_format = KernelFormat::kImage;
};

/// A kernel as it has to be in memory.
struct KernelImage {
    KernelFormat format;
    Bytes bytes;                // decompressed, not padded
    std::uint64_t text_offset;  // from a 2 MiB aligned base (0x80000 for a flat binary)
    std::uint64_t image_size;   // memory it needs from text_offset, at least bytes.size()
};

/// Takes apart a kernel file: an arm64 Image (Documentation/arch/arm64/booting.rst), the same
/// gzip'd, an EFI zboot image (gzip or zstd payload), or a flat binary without a header. Errors
/// (Stage::kImage) for an x86 bzImage, an ELF file, an empty file, a truncated or lying header, a
/// big-endian Image, a payload that does not unpack or exceeds `limit` bytes. Fuzzed.
Result<KernelImage> parse_kernel(Bytes file, std::uint64_t limit);

/// Reads the files once and lays everything out. Errors: Stage::kImage for files, Stage::kConfig
/// where the images do not fit RAM.
Result<GuestLayout> make_layout(const RealmSpec& spec, const Board& board);

/// The flattened device tree (libfdt), the same bytes for the same input on any machine: config
/// order decides devices, interrupts and phandles; no random seeds; no clocks.
Result<Bytes> make_fdt(const RealmSpec& spec, const Board& board,
                       const std::optional<IpaRange>& initrd);

}  // namespace rvmm::realm
