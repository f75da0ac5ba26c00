#include "realm/rmm/rtt_shape.hpp"

#include <algorithm>
#include <utility>

#include "realm/plan/ripas_entries.hpp"
#include "rmi/rtt.hpp"

namespace rvmm::realm {

using rmi::rtt_entry_size;

RttShape::RttShape(unsigned ipa_bits, std::vector<IpaRange> slots)
    : start_level_(start_level(ipa_bits)), slots_(std::move(slots)) {}

bool RttShape::has_slot(Ipa base, std::uint64_t size) const {
    const IpaRange range = *IpaRange::make(base, size);
    return std::ranges::any_of(slots_, [&](const IpaRange& slot) { return slot.overlaps(range); });
}

Ipa RttShape::entries_end(Ipa ipa) const {
    int level = rmi::kRttPageLevel;
    std::uint64_t table_size = rtt_entry_size(level - 1);
    while (level > start_level_ && !has_slot(Ipa{align_down(ipa.value, table_size)}, table_size))
        table_size = rtt_entry_size(--level - 1);

    Ipa end = Ipa{align_down(ipa.value, table_size)} + table_size;
    if (level == rmi::kRttPageLevel) return end;
    for (const IpaRange& slot : slots_)
        if (slot.base() > ipa)
            end = std::min(end, Ipa{align_down(slot.base().value, rtt_entry_size(level))});
    return end;
}

}  // namespace rvmm::realm
