#include "devices/pci/msix.hpp"

#include <cassert>

#include "base/log.hpp"

namespace rvmm::devices::pci {
namespace {

constexpr std::uint64_t kPendingBits = 0x800;  // in the BAR; the table is at 0
constexpr std::uint16_t kControlEnable = 1U << 15;
constexpr std::uint16_t kControlMask = 1U << 14;
constexpr std::uint32_t kVectorMask = 1;
constexpr std::uint64_t kEntrySize = 16;
static_assert(Msix::kMaxVectors * kEntrySize == kPendingBits);

}  // namespace

Result<std::unique_ptr<Msix>> Msix::create(Wiring& wiring, std::string_view name,
                                           std::uint32_t requester, unsigned vectors) {
    assert(vectors > 0 && vectors <= kMaxVectors);
    std::unique_ptr<Msix> msix(new Msix(name, requester));
    for (unsigned i = 0; i < vectors; ++i) {
        RVMM_TRY(auto vector, MsixVector::create(wiring, name));
        msix->entries_.push_back({std::move(vector), {0, 0, 0, kVectorMask}});
    }
    return msix;
}

void Msix::add_to(ConfigSpace& config, unsigned bar) {
    std::array<std::byte, 10> body{};
    std::array<std::byte, 2> writable{};
    store_le(MutableByteSpan(body), static_cast<std::uint16_t>(vectors() - 1));
    store_le(MutableByteSpan(body).subspan(2), bar);
    store_le(MutableByteSpan(body).subspan(6), static_cast<std::uint32_t>(kPendingBits) | bar);
    store_le(MutableByteSpan(writable), static_cast<std::uint16_t>(kControlEnable | kControlMask));
    config.add_bar(bar, kBarSize);
    capability_ = config.add_capability(kCapabilityMsix, body, writable);
}

void Msix::config_written(const ConfigSpace& config, std::size_t offset, std::size_t size) {
    constexpr std::size_t kWidth = sizeof(std::uint16_t);
    if (!touches(offset, size, kCommand, kWidth) && !touches(offset, size, capability_ + 2, kWidth))
        return;
    const auto control = config.load<std::uint16_t>(capability_ + 2);
    const bool master = (config.load<std::uint16_t>(kCommand) & kCommandMaster) != 0;
    const bool enabled = (control & kControlEnable) != 0;
    const std::lock_guard lock(mutex_);
    const bool was_enabled = enabled_.exchange(enabled);
    sends_ = enabled && (control & kControlMask) == 0 && master;
    for (Entry& entry : entries_) {
        refresh(entry);
        if (was_enabled && !enabled) entry.vector->forget();
    }
}

void Msix::refresh(Entry& entry) {
    const auto& [low, high, data, control] = entry.words;
    std::optional<Message> message;
    if (sends_ && (control & kVectorMask) == 0)
        message = Message{std::uint64_t{high} << 32 | low, data, requester_};
    const auto set = entry.vector->set_message(message);
    // A guest can make this happen as often as it likes.
    if (!set && !std::exchange(warned_, true))
        warn("{} has an interrupt less: {}", name_, set.error().message());
}

void Msix::read(std::uint64_t offset, MutableByteSpan data) const {
    std::ranges::fill(data, std::byte{0});
    if ((data.size() != 4 && data.size() != 8) || !is_aligned(offset, data.size())) return;
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < data.size(); i += 4)
        store_le(data.subspan(i), read_word(offset + i));
}

std::uint32_t Msix::read_word(std::uint64_t offset) const {
    if (offset < entries_.size() * kEntrySize)
        return entries_[offset / kEntrySize].words[offset % kEntrySize / 4];
    if (offset < kPendingBits) return 0;
    std::uint32_t bits = 0;
    const std::uint64_t first = (offset - kPendingBits) * 8;
    for (std::uint64_t i = first; i < std::min<std::uint64_t>(first + 32, entries_.size()); ++i)
        if (entries_[i].vector->pending()) bits |= 1U << (i - first);
    return bits;
}

void Msix::write(std::uint64_t offset, ByteSpan data) {
    if ((data.size() != 4 && data.size() != 8) || !is_aligned(offset, data.size())) return;
    if (offset >= entries_.size() * kEntrySize) return;
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < data.size(); i += 4)
        write_word(offset + i, load_le<std::uint32_t>(data.subspan(i)));
    refresh(entries_[offset / kEntrySize]);
}

void Msix::write_word(std::uint64_t offset, std::uint32_t value) {
    // The lower bits of the address, and all of the control word but the mask, are reserved.
    constexpr std::array<std::uint32_t, 4> kWritable = {~3U, UINT32_MAX, UINT32_MAX, kVectorMask};
    const std::size_t word = offset % kEntrySize / 4;
    entries_[offset / kEntrySize].words[word] = value & kWritable[word];
}

}  // namespace rvmm::devices::pci
