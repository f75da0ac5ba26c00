#include "devices/pci/host.hpp"

#include <algorithm>

namespace rvmm::devices::pci {
namespace {

constexpr std::byte kAllOnes{0xff};
constexpr unsigned kSlotShift = 15;

class HostBridge final : public Function {
  public:
    // The IDs of QEMU's generic PCI Express host, which drivers know as nothing to be driven.
    HostBridge() : Function({.vendor = 0x1b36, .device = 0x0008, .class_code = 0x06'0000}) {}
    std::string_view name() const override { return "pci-host"; }
    void read_bar(unsigned, std::uint64_t, MutableByteSpan) override {}
    void write_bar(unsigned, std::uint64_t, ByteSpan) override {}
};

}  // namespace

Result<std::shared_ptr<Host>> Host::create(IpaRange memory) {
    if (memory.empty() || memory.top().value > 1ULL << 32 ||
        !is_aligned(memory.base().value | memory.size(), kPageSize4K))
        return fail(Stage::kInternal, "{:#x} bytes at {:#x} cannot be PCI memory", memory.size(),
                    memory.base().value);
    std::shared_ptr<Host> host(new Host(memory));
    RVMM_CHECK(host->add(0, std::make_shared<HostBridge>()));
    return host;
}

Result<> Host::add(unsigned slot, std::shared_ptr<Function> function) {
    if (slot >= kSlots || functions_[slot])
        return fail(Stage::kInternal, "{} cannot have PCI slot {}", function->name(), slot);
    functions_[slot] = std::move(function);
    auto laid_out = lay_out();
    if (!laid_out) {
        functions_[slot].reset();
        RVMM_CHECK(lay_out());
    }
    return laid_out;
}

Result<> Host::lay_out() {
    std::uint64_t next = window_.base().value;
    for (const auto& function : functions_) {
        for (unsigned bar = 0; function && bar < ConfigSpace::kBarCount; ++bar) {
            const std::uint64_t size = function->bar_size(bar);
            if (size == 0) continue;
            const auto place = IpaRange::make(Ipa{*align_up(next, size)}, size);
            if (!place || !window_.contains(*place))
                return fail(Stage::kConfig, "no room in PCI memory for {}", function->name());
            function->place_bar(bar, static_cast<std::uint32_t>(place->base().value));
            next = place->top().value;
        }
    }
    return {};
}

std::vector<Host::Placed> Host::answering() const {
    std::vector<Placed> found;
    for (const auto& function : functions_) {
        for (unsigned bar = 0; function && bar < ConfigSpace::kBarCount; ++bar) {
            const auto range = function->bar_range(bar);
            if (!range || !window_.contains(*range)) continue;
            if (std::ranges::none_of(found, [&](auto& p) { return p.range.overlaps(*range); }))
                found.push_back({*range, function.get(), bar});
        }
    }
    std::ranges::sort(found, {}, [](const Placed& placed) { return placed.range.base(); });
    return found;
}

void Host::update() {
    const std::lock_guard lock(updating_);
    auto next = answering();
    // Places are left before they are taken: nothing of two functions is ever in one.
    for (const Placed& old : placed_)
        if (std::ranges::find(next, old) == next.end()) old.function->bar_placed(old.bar, {});
    {
        const std::lock_guard writing(placed_mutex_);
        placed_.swap(next);
    }
    for (const Placed& now : placed_)
        if (std::ranges::find(next, now) == next.end())
            now.function->bar_placed(now.bar, now.range.base());
}

Host::Placed Host::find(std::uint64_t window_offset, std::size_t size) const {
    const auto access = IpaRange::make(window_.base() + window_offset, size);
    const std::shared_lock lock(placed_mutex_);
    auto after = std::ranges::upper_bound(placed_, window_.base() + window_offset, {},
                                          [](const Placed& p) { return p.range.base(); });
    if (after == placed_.begin()) return {};
    --after;
    return access && after->range.contains(*access) ? *after : Placed{};
}

Function* Host::function_at(std::uint64_t ecam_offset, std::size_t size) const {
    const std::uint64_t in_slot = ecam_offset & ((1ULL << kSlotShift) - 1);
    // Each device has function 0 alone.
    if (ecam_offset >= kEcamSize || in_slot + size > ConfigSpace::kSize) return nullptr;
    return functions_[ecam_offset >> kSlotShift].get();
}

void Host::Ecam::read(std::uint64_t offset, MutableByteSpan data) {
    if (Function* function = host_.function_at(offset, data.size()))
        function->read_config(offset % ConfigSpace::kSize, data);
    else
        std::ranges::fill(data, kAllOnes);
}

void Host::Ecam::write(std::uint64_t offset, ByteSpan data) {
    Function* function = host_.function_at(offset, data.size());
    if (function != nullptr && function->write_config(offset % ConfigSpace::kSize, data))
        host_.update();
}

void Host::Memory::read(std::uint64_t offset, MutableByteSpan data) {
    const Placed at = host_.find(offset, data.size());
    std::ranges::fill(data, at.function == nullptr ? kAllOnes : std::byte{0});
    if (at.function != nullptr)
        at.function->read_bar(at.bar, host_.window_.base() + offset - at.range.base(), data);
}

void Host::Memory::write(std::uint64_t offset, ByteSpan data) {
    const Placed at = host_.find(offset, data.size());
    if (at.function != nullptr)
        at.function->write_bar(at.bar, host_.window_.base() + offset - at.range.base(), data);
}

}  // namespace rvmm::devices::pci
