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

std::uint64_t whole_pages(std::uint64_t size) {
    return align_up(size, kPageSize4K).value_or(UINT64_MAX);
}

Blob make_blob(Blob::Kind kind, std::string source, Ipa base, Bytes bytes) {
    Blob blob{kind, std::move(source), base, bytes.size(), std::move(bytes)};
    blob.bytes.resize(whole_pages(blob.source_size));
    return blob;
}

Result<KernelImage> load_kernel(const RealmSpec& spec, const Board& board) {
    const std::uint64_t limit = board.ram.size();
    RVMM_TRY(Bytes file, read_file("kernel", spec.boot.kernel, limit));
    auto parsed = parse_kernel(std::move(file), limit);
    if (!parsed)
        return std::unexpected(std::move(parsed).error().with_context(
            fmt::format("kernel {}", spec.boot.kernel.native())));
    if (parsed->text_offset > limit ||
        whole_pages(parsed->image_size) > limit - parsed->text_offset)
        return fail(Stage::kConfig, "kernel ({}) does not fit: RAM is {}",
                    in_words(parsed->text_offset + parsed->image_size), format_size(limit));
    return parsed;
}

/// What a kernel that fits needs of RAM, its BSS included.
IpaRange memory_of(const KernelImage& kernel, const Board& board) {
    return IpaRange::make(board.ram.base() + kernel.text_offset, whole_pages(kernel.image_size))
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

Result<Ipa> place_initrd(const Board& board, const IpaRange& kernel, Ipa fdt, std::uint64_t size) {
    const std::uint64_t needed = whole_pages(size);
    if (needed <= fdt - kernel.top()) return Ipa{fdt.value - needed};
    const Ipa above = fdt + kFdtRegion;
    if (above <= board.ram.top() && needed <= board.ram.top() - above) return above;
    return fail(Stage::kConfig, "initrd ({}) does not fit: RAM is {}, the kernel takes {}",
                in_words(size), format_size(board.ram.size()), in_words(kernel.size()));
}

Result<> check_disjoint(const Board& board, const std::vector<Blob>& blobs) {
    Ipa free = board.ram.base();
    for (const Blob& blob : blobs) {
        if (!is_aligned(blob.base.value, kPageSize4K) || blob.base < free ||
            !board.ram.contains(blob.range()))
            return fail(Stage::kInternal, "the layout overlaps itself at {:#x}", blob.base.value);
        free = blob.range().top();
    }
    return {};
}

Result<std::optional<Bytes>> load_initrd(const RealmSpec& spec, const Board& board) {
    if (!spec.boot.initrd) return std::nullopt;
    RVMM_TRY(Bytes initrd, read_file("initrd", *spec.boot.initrd, board.ram.size()));
    if (initrd.empty())
        return fail(Stage::kImage, "initrd {}: it is empty", spec.boot.initrd->native());
    return initrd;
}

struct Places {
    Ipa fdt;
    std::optional<IpaRange> initrd;
};

Result<Places> place(const RealmSpec& spec, const Board& board, const IpaRange& kernel,
                     const std::optional<Bytes>& initrd) {
    Places places;
    // The FDT's size does not depend on where the initrd lies, only on whether there is one.
    if (initrd) places.initrd = IpaRange();
    RVMM_TRY(const Bytes fdt, make_fdt(spec, board, places.initrd));
    if (fdt.size() > kFdtRegion)
        return fail(Stage::kInternal, "the device tree has {} bytes", fdt.size());
    RVMM_TRY(places.fdt, place_fdt(board, kernel, whole_pages(fdt.size())));
    if (initrd) {
        RVMM_TRY(const Ipa base, place_initrd(board, kernel, places.fdt, initrd->size()));
        places.initrd = IpaRange::make(base, initrd->size());
    }
    return places;
}

}  // namespace

Result<GuestLayout> make_layout(const RealmSpec& spec, const Board& board) {
    RVMM_TRY(KernelImage kernel, load_kernel(spec, board));
    const IpaRange memory = memory_of(kernel, board);
    RVMM_TRY(std::optional<Bytes> initrd, load_initrd(spec, board));
    RVMM_TRY(const Places places, place(spec, board, memory, initrd));
    RVMM_TRY(Bytes fdt, make_fdt(spec, board, places.initrd));

    GuestLayout layout{
        .blobs = {}, .entry = memory.base(), .fdt = places.fdt, .kernel_format = kernel.format};
    layout.blobs.push_back(make_blob(Blob::Kind::kKernel, spec.boot.kernel.native(), memory.base(),
                                     std::move(kernel.bytes)));
    layout.blobs.push_back(make_blob(Blob::Kind::kFdt, "(generated)", places.fdt, std::move(fdt)));
    if (initrd && spec.boot.initrd && places.initrd)
        layout.blobs.push_back(make_blob(Blob::Kind::kInitrd, spec.boot.initrd->native(),
                                         places.initrd->base(), *std::move(initrd)));
    std::ranges::sort(layout.blobs, {}, &Blob::base);
    RVMM_CHECK(check_disjoint(board, layout.blobs));
    return layout;
}

}  // namespace rvmm::realm
