// Where everything lies in guest memory, with the bytes: the images as they were read, and the FDT.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/contents.hpp"
#include "base/error.hpp"
#include "realm/layout/board.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// Bytes that are loaded before the guest starts. No two blobs share a granule.
struct Blob {
    enum class Kind : std::uint8_t {
        kKernel,
        kInitrd,
        kFdt,
        kFirmware,
        kLog,  // where another VMM writes its own event log: never measured
    };
    Kind kind;
    std::string source;     // file name as configured, or "(generated)"
    Ipa base;               // a multiple of the granule
    Contents contents;      // of the source, after decompression
    std::uint64_t granule;  // bytes: 4, 16 or 64 KiB
    // Other VMMs round what they populate, at both ends.
    std::uint64_t rounding = 0;  // bytes; as the granule, which counts if it is larger
    std::uint64_t lead = 0;      // zeros in front of the source's bytes, in the contents

    /// The source without its folder: what documents say, so that they are the same everywhere.
    std::string source_name() const { return std::filesystem::path(source).filename().native(); }
    /// Bytes of the source, without padding.
    std::uint64_t source_size() const { return contents.size() - lead; }
    /// Whole granules: zeros follow the contents.
    ByteSpan bytes() const { return contents.padded(std::max(granule, rounding)); }
    IpaRange range() const { return IpaRange::make(base, bytes().size()).value_or(IpaRange()); }
};

/// "kernel", "initrd", "fdt", "firmware", "log".
std::string_view to_string(Blob::Kind kind);

enum class KernelFormat : std::uint8_t { kImage, kGzipImage, kEfiZboot, kFlat };
std::string_view to_string(KernelFormat format);

struct GuestLayout {
    std::vector<Blob> blobs;  // ascending by base
    Ipa entry;                // PC of vCPU 0
    Ipa fdt;                  // X0 of vCPU 0
    KernelFormat kernel_format = KernelFormat::kImage;
    bool log_after_recs = false;  // a log is populated after the RECs are made, if it can be
};

/// A kernel as it has to be in memory.
struct KernelImage {
    KernelFormat format = KernelFormat::kImage;
    std::optional<Contents> unpacked = {};  // what the file unpacks to; nothing: it is the image
    std::uint64_t text_offset = 0;          // from a 2 MiB aligned base (0x80000 for a flat binary)
    std::uint64_t image_size = 0;  // memory it needs from text_offset, at least the image's
};

/// Takes apart a kernel file: an arm64 Image (Documentation/arch/arm64/booting.rst), the same
/// gzip'd, an EFI zboot image (gzip or zstd payload), or a flat binary without a header. Errors
/// (Stage::kImage) for an x86 bzImage, an ELF file, an empty file, a truncated or lying header, a
/// big-endian Image, a payload that does not unpack or exceeds `limit` bytes. Fuzzed.
Result<KernelImage> parse_kernel(ByteSpan file, std::uint64_t limit);

/// The files of an image, read and taken apart, so that they can be placed any number of times.
struct Images {
    KernelImage kernel = {};
    Contents kernel_contents;  // in memory: unpacked
    std::optional<Contents> initrd_contents;
};

/// Reads the kernel and, if there is one, the initrd: up to `limit` bytes each, also unpacked.
/// Errors (Stage::kImage): those of Contents::of_file() and parse_kernel(); an empty initrd.
Result<Images> load_images(const BootSpec& boot, std::uint64_t limit, Reading reading);

struct PlacedBlob {
    Blob::Kind kind;
    IpaRange range;  // whole granules
};

/// Where images lie, and the FDT that says so.
struct Placement {
    std::vector<PlacedBlob> blobs;  // ascending, disjoint
    Ipa entry = {};                 // PC of vCPU 0
    Ipa fdt = {};                   // X0 of vCPU 0
    Bytes fdt_contents = {};
};

/// Places `images`; the initrd is left out if `spec` has none. Errors: Stage::kConfig where they
/// do not fit RAM.
Result<Placement> place_images(const RealmSpec& spec, const Board& board, const Images& images,
                               std::uint64_t granule);

struct LayoutOptions {
    Reading reading = Reading::kOwn;
    std::uint64_t granule = kPageSize4K;  // bytes: 4, 16 or 64 KiB
};

/// Reads the files and lays everything out. Errors: Stage::kImage for files, Stage::kConfig where
/// the images do not fit RAM.
Result<GuestLayout> make_layout(const RealmSpec& spec, const Board& board,
                                const LayoutOptions& options = {});

/// The flattened device tree (libfdt), the same bytes for the same input on any machine: config
/// order decides devices, interrupts and phandles; no random seeds; no clocks.
Result<Bytes> make_fdt(const RealmSpec& spec, const Board& board,
                       const std::optional<IpaRange>& initrd);

}  // namespace rvmm::realm
