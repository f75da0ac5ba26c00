#include "realm/layout/foreign.hpp"

#include <algorithm>
#include <bit>

#include "base/text.hpp"
#include "realm/layout/dts.hpp"
#include "realm/layout/foreign_dtb.hpp"

namespace rvmm::realm {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kDtbAlignment = 2 * kMiB;

constexpr std::uint64_t kKvmtoolLowMemory = 256 * kMiB;  // nothing is loaded above it
constexpr std::uint64_t kKvmtoolDtbSize = 64U << 10;
constexpr std::uint64_t kKvmtoolLogSize = 64U << 10;
constexpr std::uint64_t kKvmtoolInitrdAlignment = 4;
constexpr unsigned kKvmtoolMinIpaBits = 32;  // without the unprotected half

constexpr Ipa kQemuRam{0x4000'0000};
constexpr std::uint64_t kQemuFirmwareSpace = 128 * kMiB;  // from address 0
constexpr std::uint64_t kQemuInitrdOffset = 128 * kMiB;   // at most
constexpr unsigned kQemuIpaBits = 41;
constexpr std::uint64_t kQemuIpaBitsHoldTo = 255ULL << 30;  // bytes of RAM

/// For ranges that were checked to fit.
IpaRange range_of(Ipa base, std::uint64_t size) {
    return IpaRange::make(base, size).value_or(IpaRange());
}
Ipa aligned(Ipa address, std::uint64_t alignment) {
    return Ipa{align_up(address.value, alignment).value_or(UINT64_MAX)};
}
std::string in_words(const IpaRange& range) {
    return fmt::format("{} at {:#x}", format_size(range.size()), range.base().value);
}

/// A file where the guest sees it: not yet rounded.
struct Loaded {
    Blob::Kind kind;
    std::string source;
    Ipa address;
    Contents contents;
    std::uint64_t rounding;  // more than all others'; 0: the same
};

/// One layout under way.
class Layouter {
  public:
    Layouter(const ForeignImage& image, const ForeignOptions& options)
        : image_(image), options_(options) {
        made_.layout.log_after_recs = options.log_after_recs;
    }

    Result<ForeignLayout> run() {
        RVMM_CHECK(place_ram());
        RVMM_TRY(Contents dtb, Contents::of_file("dtb", image_.dtb, kMaxFdtSize, options_.reading));
        auto facts = read_dtb(dtb.source());
        RVMM_CHECK(dtb.check_unchanged());
        if (!facts)
            return std::unexpected(
                std::move(facts).error().with_context(fmt::format("dtb {}", image_.dtb.native())));
        RVMM_CHECK(image_.vmm == ForeignVmm::kKvmtool ? kvmtool(std::move(dtb))
                   : image_.firmware                  ? qemu_firmware(std::move(dtb))
                                                      : qemu_kernel(std::move(dtb)));
        RVMM_CHECK(compare(*facts));
        for (const std::uint64_t mpidr : facts->cpus) made_.board.cpus.push_back({.mpidr = mpidr});
        made_.cmdline = facts->bootargs;
        RVMM_CHECK(finish());
        return std::move(made_);
    }

  private:
    bool is_kvmtool() const { return image_.vmm == ForeignVmm::kKvmtool; }
    const IpaRange& ram() const { return made_.board.ram; }

    Result<> place_ram() {
        if (!image_.kernel && !image_.firmware)
            return fail(Stage::kConfig, "a kernel or a firmware is needed");
        if (image_.kernel && image_.firmware)
            return fail(Stage::kConfig,
                        "with a firmware, QEMU hands it the kernel, which then reaches REM0 and "
                        "not the RIM: leave the kernel out");
        if (image_.initrd && !image_.kernel)
            return fail(Stage::kConfig,
                        "with a firmware, QEMU hands it the initrd, which then reaches REM0 and "
                        "not the RIM: leave the initrd out");
        made_.board.ram = range_of(is_kvmtool() ? kRamBase : kQemuRam, image_.memory);
        return {};
    }

    /// Loads kernel and initrd, which is placed later. Says what memory the kernel needs, its BSS
    /// included.
    Result<IpaRange> load_boot_images() {
        RVMM_TRY(Images images,
                 load_images({.kernel = *image_.kernel, .initrd = image_.initrd, .cmdline = {}},
                             ram().size(), options_.reading));
        auto fit = check_kernel(images.kernel);
        if (!fit)
            return std::unexpected(std::move(fit).error().with_context(
                fmt::format("kernel {}", image_.kernel->native())));
        made_.layout.kernel_format = images.kernel.format;
        made_.layout.entry = ram().base() + images.kernel.text_offset;
        add(Blob::Kind::kKernel, image_.kernel->native(), made_.layout.entry,
            std::move(images.kernel_contents));
        initrd_ = std::move(images.initrd_contents);
        return range_of(made_.layout.entry, images.kernel.image_size);
    }

    Result<> check_kernel(const KernelImage& kernel) const {
        const bool plain = kernel.format == KernelFormat::kImage;
        if (is_kvmtool() && !plain && kernel.format != KernelFormat::kFlat)
            return fail(Stage::kConfig,
                        "kvmtool does not unpack kernels, and this is a packed one ({})",
                        to_string(kernel.format));
        if (!is_kvmtool() && !plain && kernel.format != KernelFormat::kGzipImage)
            return fail(Stage::kConfig, "how QEMU loads this format ({}) is not known here",
                        to_string(kernel.format));
        if (!is_kvmtool() && kernel.text_offset != 0)
            return fail(Stage::kConfig,
                        "where QEMU puts a kernel with a text_offset ({:#x}) is not known here",
                        kernel.text_offset);
        if (kernel.text_offset > ram().size() ||
            kernel.image_size > ram().size() - kernel.text_offset)
            return fail(Stage::kConfig, "it needs {} bytes of memory, RAM is {}",
                        kernel.text_offset + kernel.image_size, format_size(ram().size()));
        return {};
    }

    Result<> kvmtool(Contents dtb) {
        if (image_.firmware)
            return fail(Stage::kConfig,
                        "where kvmtool puts the device tree of a firmware is not known here");
        if (dtb.size() > kKvmtoolDtbSize)
            return fail(Stage::kImage, "dtb {}: it has {} bytes, kvmtool's have up to {}",
                        image_.dtb.native(), dtb.size(), kKvmtoolDtbSize);
        // Bits that the last address of RAM needs, and one for the unprotected half.
        made_.ipa_bits = std::max(kKvmtoolMinIpaBits,
                                  static_cast<unsigned>(std::bit_width(ram().top().value - 1))) +
                         1;
        Ipa top = std::min(ram().top(), ram().base() + kKvmtoolLowMemory);
        if (image_.event_log) {
            top = Ipa{top.value - kKvmtoolLogSize};
            RVMM_TRY(Contents log, Contents::copy(Bytes(kKvmtoolLogSize)));
            add(Blob::Kind::kLog, "(event log)", top, std::move(log));
        }
        const Ipa fdt = aligned(Ipa{top.value - kDtbAlignment - kKvmtoolDtbSize}, kDtbAlignment);
        RVMM_CHECK(load_boot_images());
        if (initrd_) RVMM_CHECK(place_kvmtool_initrd(fdt));
        add_dtb(std::move(dtb), fdt, kKvmtoolDtbSize);
        return {};
    }

    Result<> place_kvmtool_initrd(Ipa fdt) {
        const std::uint64_t room = fdt - ram().base();
        const std::uint64_t needed = initrd_->size() + kKvmtoolInitrdAlignment;
        if (needed > room)
            return fail(Stage::kConfig,
                        "initrd {} does not fit: it has {} bytes, below the device tree are {}",
                        image_.initrd->native(), initrd_->size(), room);
        add(Blob::Kind::kInitrd, image_.initrd->native(),
            aligned(Ipa{fdt.value - needed}, kKvmtoolInitrdAlignment), *std::move(initrd_));
        return {};
    }

    Result<> qemu_firmware(Contents dtb) {
        RVMM_CHECK(check_qemu());
        RVMM_TRY(Contents firmware, Contents::of_file("firmware", *image_.firmware,
                                                      kQemuFirmwareSpace, options_.reading));
        if (firmware.size() == 0)
            return fail(Stage::kImage, "firmware {}: it is empty", image_.firmware->native());
        add(Blob::Kind::kFirmware, image_.firmware->native(), Ipa{0}, std::move(firmware));
        made_.layout.kernel_format = KernelFormat::kFlat;
        add_dtb(std::move(dtb), ram().base(), 0);
        made_.layout.fdt = Ipa{0};  // X0; the firmware knows where it is
        return {};
    }

    Result<> qemu_kernel(Contents dtb) {
        RVMM_CHECK(check_qemu());
        RVMM_TRY(const IpaRange kernel, load_boot_images());
        const Ipa usual = ram().base() + std::min(ram().size() / 2, kQemuInitrdOffset);
        Ipa end = aligned(std::max(usual, kernel.top()), kPageSize4K);
        if (initrd_) {
            const std::uint64_t size = initrd_->size();
            add(Blob::Kind::kInitrd, image_.initrd->native(), end, *std::move(initrd_));
            end = end + size;
        }
        add_dtb(std::move(dtb), aligned(end, kDtbAlignment), 0);
        return {};
    }

    Result<> check_qemu() {
        if (image_.event_log)
            return fail(Stage::kConfig, "where QEMU puts its event log is not known here");
        if (ram().size() < kQemuIpaBitsHoldTo) made_.ipa_bits = kQemuIpaBits;
        return {};
    }

    void add(Blob::Kind kind, std::string source, Ipa address, Contents contents,
             std::uint64_t rounding = 0) {
        loaded_.push_back({kind, std::move(source), address, std::move(contents), rounding});
    }

    void add_dtb(Contents dtb, Ipa address, std::uint64_t rounding) {
        made_.layout.fdt = address;
        add(Blob::Kind::kFdt, image_.dtb.native(), address, std::move(dtb), rounding);
    }

    std::unexpected<Error> contradiction(std::string_view what, const std::string& in_tree,
                                         const std::string& here) const {
        return fail(Stage::kConfig, "dtb {}: it has {} {}, but it should be {}",
                    image_.dtb.native(), what, in_tree, here);
    }

    Result<> compare(const DtbFacts& facts) const {
        if (facts.memory.size() != 1 || facts.memory.front() != ram())
            return contradiction(
                "memory of",
                in_words(facts.memory.front()) + (facts.memory.size() == 1 ? "" : " and more"),
                in_words(ram()));
        if (facts.cpus.size() > kMaxVcpus)
            return fail(Stage::kConfig, "dtb {}: it has {} CPUs, a realm has up to {}",
                        image_.dtb.native(), facts.cpus.size(), kMaxVcpus);
        return image_.firmware ? Result<>() : compare_initrd(facts);
    }

    Result<> compare_initrd(const DtbFacts& facts) const {
        const auto initrd = std::ranges::find(loaded_, Blob::Kind::kInitrd, &Loaded::kind);
        const std::string none = "none";
        const std::string tree = facts.initrd ? in_words(*facts.initrd) : none;
        const std::string here = initrd == loaded_.end()
                                     ? none
                                     : in_words(range_of(initrd->address, initrd->contents.size()));
        if (tree != here) return contradiction("an initrd:", tree, here);
        return {};
    }

    /// Rounds what was loaded to the pages that are populated.
    Result<> finish() {
        for (Loaded& loaded : loaded_) RVMM_CHECK(add_blob(std::move(loaded)));
        std::vector<Blob>& blobs = made_.layout.blobs;
        std::ranges::sort(blobs, {}, &Blob::base);
        for (std::size_t i = 0; i < blobs.size(); ++i) {
            const IpaRange range = blobs[i].range();
            const bool low = blobs[i].kind == Blob::Kind::kFirmware;
            if (!low && !ram().contains(range))
                return fail(Stage::kConfig, "{} ({}) does not fit RAM ({})",
                            to_string(blobs[i].kind), in_words(range), in_words(ram()));
            if (i > 0 && blobs[i - 1].range().overlaps(range))
                return fail(Stage::kConfig, "{} ({}) and {} ({}) overlap in {}",
                            to_string(blobs[i - 1].kind), in_words(blobs[i - 1].range()),
                            to_string(blobs[i].kind), in_words(range), to_string(image_.vmm));
        }
        return {};
    }

    Result<> add_blob(Loaded loaded) {
        const std::uint64_t rounding =
            std::max({options_.rounding, options_.granule, loaded.rounding});
        const Ipa base{align_down(loaded.address.value, rounding)};
        const std::uint64_t lead = loaded.address - base;
        Contents contents = std::move(loaded.contents);
        if (lead != 0) {
            auto shifted = contents.after_zeros(lead);
            RVMM_CHECK(contents.check_unchanged());
            if (!shifted) return std::unexpected(std::move(shifted).error());
            contents = *std::move(shifted);
        }
        made_.layout.blobs.push_back({loaded.kind, std::move(loaded.source), base,
                                      std::move(contents), options_.granule, rounding, lead});
        return {};
    }

    const ForeignImage& image_;
    const ForeignOptions& options_;
    ForeignLayout made_;
    std::vector<Loaded> loaded_;
    std::optional<Contents> initrd_;  // until it has its place
};

}  // namespace

std::string_view to_string(ForeignVmm vmm) {
    return vmm == ForeignVmm::kKvmtool ? "kvmtool" : "qemu";
}

Result<ForeignLayout> make_foreign_layout(const ForeignImage& image,
                                          const ForeignOptions& options) {
    return Layouter(image, options).run();
}

}  // namespace rvmm::realm
