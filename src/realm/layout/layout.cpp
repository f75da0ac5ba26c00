#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "realm/layout/guest_layout.hpp"

namespace rvmm::realm {
namespace {

constexpr std::uint64_t kFdtAlignment = 2ULL << 20;
constexpr std::uint64_t kFdtRegion = 2ULL << 20;     // no FDT is larger (booting.rst)
constexpr std::uint64_t kFdtCeiling = 256ULL << 20;  // above RAM base

/// `size` as people say it: rounded up to whole MiB, or KiB if it is less than one.
std::string in_words(std::uint64_t size) {
    const std::uint64_t unit = size >= (1U << 20) ? 1U << 20 : 1U << 10;
    return format_size(align_up(size, unit).value_or(size));
}

std::uint64_t whole_granules(std::uint64_t size, std::uint64_t granule) {
    return align_up(size, granule).value_or(UINT64_MAX);
}

struct Kernel {
    KernelImage image;
    Contents contents;  // in memory: unpacked
};

Result<Kernel> load_kernel(const RealmSpec& spec, const Board& board,
                           const LayoutOptions& options) {
    const std::uint64_t limit = board.ram.size();
    RVMM_TRY(Contents file, Contents::of_file("kernel", spec.boot.kernel, limit, options.reading));
    auto parsed = parse_kernel(file.source(), limit);
    RVMM_CHECK(file.check_unchanged());
    if (!parsed)
        return std::unexpected(std::move(parsed).error().with_context(
            fmt::format("kernel {}", spec.boot.kernel.native())));
    if (parsed->text_offset > limit ||
        whole_granules(parsed->image_size, options.granule) > limit - parsed->text_offset)
        return fail(Stage::kConfig, "kernel ({}) does not fit: RAM is {}",
                    in_words(parsed->text_offset + parsed->image_size), format_size(limit));
    Contents contents = parsed->unpacked ? *std::move(parsed->unpacked) : std::move(file);
    return Kernel{*std::move(parsed), std::move(contents)};
}

/// What a kernel that fits needs of RAM, its BSS included.
Result<IpaRange> memory_of(const KernelImage& kernel, const Board& board, std::uint64_t granule) {
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

Result<> check_disjoint(const Board& board, const std::vector<Blob>& blobs) {
    Ipa free = board.ram.base();
    for (const Blob& blob : blobs) {
        if (!is_aligned(blob.base.value, blob.granule) || blob.base < free ||
            !board.ram.contains(blob.range()))
            return fail(Stage::kInternal, "the layout overlaps itself at {:#x}", blob.base.value);
        free = blob.range().top();
    }
    return {};
}

Result<std::optional<Contents>> load_initrd(const RealmSpec& spec, const Board& board,
                                            Reading reading) {
    if (!spec.boot.initrd) return std::nullopt;
    RVMM_TRY(Contents initrd,
             Contents::of_file("initrd", *spec.boot.initrd, board.ram.size(), reading));
    if (initrd.size() == 0)
        return fail(Stage::kImage, "initrd {}: it is empty", spec.boot.initrd->native());
    return initrd;
}

struct Places {
    Ipa fdt;
    std::optional<IpaRange> initrd;
};

Result<Places> place(const RealmSpec& spec, const Board& board, const IpaRange& kernel,
                     const std::optional<Contents>& initrd, std::uint64_t granule) {
    Places places;
    // The FDT's size does not depend on where the initrd lies, only on whether there is one.
    if (initrd) places.initrd = IpaRange();
    RVMM_TRY(const Bytes fdt, make_fdt(spec, board, places.initrd));
    if (fdt.size() > kFdtRegion)
        return fail(Stage::kInternal, "the device tree has {} bytes", fdt.size());
    RVMM_TRY(places.fdt, place_fdt(board, kernel, whole_granules(fdt.size(), granule)));
    if (initrd) {
        RVMM_TRY(const Ipa base, place_initrd(board, kernel, places.fdt, initrd->size(), granule));
        places.initrd = IpaRange::make(base, initrd->size());
    }
    return places;
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

Result<GuestLayout> make_layout(const RealmSpec& spec, const Board& board,
                                const LayoutOptions& options) {
    RVMM_TRY(Kernel kernel, load_kernel(spec, board, options));
    RVMM_TRY(const IpaRange memory, memory_of(kernel.image, board, options.granule));
    RVMM_TRY(std::optional<Contents> initrd, load_initrd(spec, board, options.reading));
    RVMM_TRY(const Places places, place(spec, board, memory, initrd, options.granule));
    RVMM_TRY(const Bytes fdt, make_fdt(spec, board, places.initrd));
    RVMM_TRY(Contents fdt_contents, Contents::copy(fdt));

    GuestLayout layout{.blobs = {},
                       .entry = memory.base(),
                       .fdt = places.fdt,
                       .kernel_format = kernel.image.format};
    const std::uint64_t granule = options.granule;
    layout.blobs.push_back({Blob::Kind::kKernel, spec.boot.kernel.native(), memory.base(),
                            std::move(kernel.contents), granule});
    layout.blobs.push_back(
        {Blob::Kind::kFdt, "(generated)", places.fdt, std::move(fdt_contents), granule});
    if (initrd && spec.boot.initrd && places.initrd)
        layout.blobs.push_back({Blob::Kind::kInitrd, spec.boot.initrd->native(),
                                places.initrd->base(), *std::move(initrd), granule});
    std::ranges::sort(layout.blobs, {}, &Blob::base);
    RVMM_CHECK(check_disjoint(board, layout.blobs));
    return layout;
}

}  // namespace rvmm::realm
