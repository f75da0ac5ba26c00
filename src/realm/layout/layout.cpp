#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "realm/layout/dts.hpp"
#include "realm/layout/guest_layout.hpp"

namespace rvmm::realm {
namespace {

constexpr std::uint64_t kFdtAlignment = 2ULL << 20;
constexpr std::uint64_t kFdtRegion = kMaxFdtSize;
constexpr std::uint64_t kFdtCeiling = 256ULL << 20;  // above RAM base

/// `size` as people say it: rounded up to whole MiB, or KiB if it is less than one.
std::string in_words(std::uint64_t size) {
    const std::uint64_t unit = size >= (1U << 20) ? 1U << 20 : 1U << 10;
    return format_size(align_up(size, unit).value_or(size));
}

std::uint64_t whole_granules(std::uint64_t size, std::uint64_t granule) {
    return align_up(size, granule).value_or(UINT64_MAX);
}

Result<KernelImage> load_kernel(const BootSpec& boot, std::uint64_t limit, Reading reading,
                                Contents& contents) {
    RVMM_TRY(Contents file, Contents::of_file("kernel", boot.kernel, limit, reading));
    auto parsed = parse_kernel(file.source(), limit);
    RVMM_CHECK(file.check_unchanged());
    if (!parsed)
        return std::unexpected(
            std::move(parsed).error().with_context(fmt::format("kernel {}", boot.kernel.native())));
    contents = parsed->unpacked ? *std::move(parsed->unpacked) : std::move(file);
    parsed->unpacked.reset();
    return *std::move(parsed);
}

/// What the kernel needs of RAM, its BSS included.
Result<IpaRange> memory_of(const KernelImage& kernel, const Board& board, std::uint64_t granule) {
    const std::uint64_t ram = board.ram.size();
    if (kernel.text_offset > ram ||
        whole_granules(kernel.image_size, granule) > ram - kernel.text_offset)
        return fail(Stage::kConfig, "kernel ({}) does not fit: RAM is {}",
                    in_words(kernel.text_offset + kernel.image_size), format_size(ram));
    if (!is_aligned(kernel.text_offset, granule))
        return fail(Stage::kConfig, "the kernel's text_offset {:#x} is no multiple of {}",
                    kernel.text_offset, format_size(granule));
    return IpaRange::make(board.ram.base() + kernel.text_offset,
                          whole_granules(kernel.image_size, granule))
        .value_or(IpaRange());
}

/// As kvmtool places it, so that the bare-metal guests made for that find room below it; where the
/// kernel is in the way, in the last pages of RAM.
Result<Ipa> place_fdt(const Board& board, const IpaRange& kernel, std::uint64_t size) {
    const Ipa top = std::min(board.ram.top(), board.ram.base() + kFdtCeiling);
    const Ipa usual{align_down(top.value - kFdtRegion, kFdtAlignment)};
    if (usual >= kernel.top()) return usual;
    const Ipa last{board.ram.top().value - size};
    if (last >= kernel.top()) return last;
    return fail(Stage::kConfig, "kernel ({}) and device tree do not fit: RAM is {}",
                in_words(kernel.size()), format_size(board.ram.size()));
}

Result<Ipa> place_initrd(const Board& board, const IpaRange& kernel, Ipa fdt, std::uint64_t size,
                         std::uint64_t granule) {
    const std::uint64_t needed = whole_granules(size, granule);
    if (needed <= fdt - kernel.top()) return Ipa{fdt.value - needed};
    const Ipa above = fdt + kFdtRegion;
    if (above <= board.ram.top() && needed <= board.ram.top() - above) return above;
    return fail(Stage::kConfig, "initrd ({}) does not fit: RAM is {}, the kernel takes {}",
                in_words(size), format_size(board.ram.size()), in_words(kernel.size()));
}

Result<> check_disjoint(const Board& board, const std::vector<PlacedBlob>& blobs,
                        std::uint64_t granule) {
    Ipa free = board.ram.base();
    for (const PlacedBlob& blob : blobs) {
        const Ipa base = blob.range.base();
        if (!is_aligned(base.value, granule) || base < free || !board.ram.contains(blob.range))
            return fail(Stage::kInternal, "the layout overlaps itself at {:#x}", base.value);
        free = blob.range.top();
    }
    return {};
}

Result<std::optional<Contents>> load_initrd(const BootSpec& boot, std::uint64_t limit,
                                            Reading reading) {
    if (!boot.initrd) return std::nullopt;
    RVMM_TRY(Contents initrd, Contents::of_file("initrd", *boot.initrd, limit, reading));
    if (initrd.size() == 0)
        return fail(Stage::kImage, "initrd {}: it is empty", boot.initrd->native());
    return initrd;
}

Blob make_blob(const RealmSpec& spec, const PlacedBlob& placed, Contents contents,
               std::uint64_t granule) {
    std::string source = "(generated)";
    if (placed.kind == Blob::Kind::kKernel) source = spec.boot.kernel.native();
    if (placed.kind == Blob::Kind::kInitrd && spec.boot.initrd) source = spec.boot.initrd->native();
    return {placed.kind, std::move(source), placed.range.base(), std::move(contents), granule};
}

}  // namespace

std::string_view to_string(Blob::Kind kind) {
    switch (kind) {
        case Blob::Kind::kKernel:
            return "kernel";
        case Blob::Kind::kInitrd:
            return "initrd";
        case Blob::Kind::kFdt:
            return "fdt";
        case Blob::Kind::kFirmware:
            return "firmware";
        case Blob::Kind::kLog:
            return "log";
    }
    return "unknown";
}

Result<Images> load_images(const BootSpec& boot, std::uint64_t limit, Reading reading) {
    Images images;
    RVMM_TRY(images.kernel, load_kernel(boot, limit, reading, images.kernel_contents));
    RVMM_TRY(images.initrd_contents, load_initrd(boot, limit, reading));
    return images;
}

Result<Placement> place_images(const RealmSpec& spec, const Board& board, const Images& images,
                               std::uint64_t granule) {
    RVMM_TRY(const IpaRange kernel, memory_of(images.kernel, board, granule));
    Placement placed{.blobs = {}, .entry = kernel.base()};
    const Contents* initrd =
        spec.boot.initrd && images.initrd_contents ? &*images.initrd_contents : nullptr;
    const auto add = [&](Blob::Kind kind, Ipa base, std::uint64_t size) {
        placed.blobs.push_back(
            {kind, IpaRange::make(base, whole_granules(size, granule)).value_or(IpaRange())});
    };
    // The FDT's size does not depend on where the initrd lies, only on whether there is one.
    const auto somewhere = initrd != nullptr ? std::optional(IpaRange()) : std::nullopt;
    RVMM_TRY(placed.fdt_contents, make_fdt(spec, board, somewhere));
    const std::uint64_t fdt_size = placed.fdt_contents.size();
    if (fdt_size > kFdtRegion)
        return fail(Stage::kInternal, "the device tree has {} bytes", fdt_size);
    RVMM_TRY(placed.fdt, place_fdt(board, kernel, whole_granules(fdt_size, granule)));
    if (initrd != nullptr) {
        RVMM_TRY(const Ipa base, place_initrd(board, kernel, placed.fdt, initrd->size(), granule));
        RVMM_TRY(placed.fdt_contents, make_fdt(spec, board, IpaRange::make(base, initrd->size())));
        add(Blob::Kind::kInitrd, base, initrd->size());
    }
    add(Blob::Kind::kKernel, kernel.base(), images.kernel_contents.size());
    add(Blob::Kind::kFdt, placed.fdt, fdt_size);
    std::ranges::sort(placed.blobs, {}, [](const PlacedBlob& blob) { return blob.range.base(); });
    RVMM_CHECK(check_disjoint(board, placed.blobs, granule));
    return placed;
}

Result<GuestLayout> make_layout(const RealmSpec& spec, const Board& board,
                                const LayoutOptions& options) {
    RVMM_TRY(Images images, load_images(spec.boot, board.ram.size(), options.reading));
    RVMM_TRY(const Placement placed, place_images(spec, board, images, options.granule));
    RVMM_TRY(Contents fdt, Contents::copy(placed.fdt_contents));
    GuestLayout layout{.blobs = {},
                       .entry = placed.entry,
                       .fdt = placed.fdt,
                       .kernel_format = images.kernel.format};
    for (const PlacedBlob& blob : placed.blobs) {
        Contents& contents = blob.kind == Blob::Kind::kKernel ? images.kernel_contents
                             : blob.kind == Blob::Kind::kFdt  ? fdt
                                                              : *images.initrd_contents;
        layout.blobs.push_back(make_blob(spec, blob, std::move(contents), options.granule));
    }
    return layout;
}

}  // namespace rvmm::realm
