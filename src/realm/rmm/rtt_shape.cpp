#include "realm/rmm/rtt_shape.hpp"

#include <algorithm>
#include <utility>

namespace rvmm::realm {
namespace {

constexpr int kPageLevel = 3;

constexpr int start_level(unsigned ipa_bits) {
    if (ipa_bits <= 34) return 2;
    return ipa_bits <= 43 ? 1 : 0;
}

// What one entry of a table at `level` maps. Bytes.
constexpr std::uint64_t entry_size(int level) {
    return 1ULL << (12 + 9 * (kPageLevel - level));
}

}  // namespace

RttShape::RttShape(unsigned ipa_bits, std::vector<IpaRange> slots)
    : start_level_(start_level(ipa_bits)), slots_(std::move(slots)) {}

bool RttShape::has_slot(Ipa base, std::uint64_t size) const {
    const IpaRange range = *IpaRange::make(base, size);
    return std::ranges::any_of(slots_, [&](const IpaRange& slot) { return slot.overlaps(range); });
}

Ipa RttShape::entries_end(Ipa ipa) const {
    int level = kPageLevel;
    std::uint64_t table_size = entry_size(level - 1);
    while (level > start_level_ && !has_slot(Ipa{align_down(ipa.value, table_size)}, table_size))
        table_size = entry_size(--level - 1);

    Ipa end = Ipa{align_down(ipa.value, table_size)} + table_size;
    if (level == kPageLevel) return end;
    for (const IpaRange& slot : slots_)
        if (slot.base() > ipa)
            end = std::min(end, Ipa{align_down(slot.base().value, entry_size(level))});
    return end;
}

}  // namespace rvmm::realm
