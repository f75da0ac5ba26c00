#include "realm/rmm/rtt.hpp"

namespace rvmm::realm {

using rmi::kRttPageLevel;
using rmi::RmiStatus;
using rmi::rtt_entry_size;

namespace {

RmiAnswer rtt_error(int level) {
    return {.status = RmiStatus::kErrorRtt, .level = level};
}

}  // namespace

Rtt::Rtt(unsigned ipa_bits, int start_level, unsigned tables)
    : ipa_bits_(ipa_bits), start_level_(start_level) {
    const std::uint64_t table_size = rtt_entry_size(start_level) * kEntries;
    for (unsigned i = 0; i < tables; ++i) tables_[{start_level, Ipa{i * table_size}}] = Table{};
}

Rtt::Place Rtt::place(int level, Ipa ipa) {
    return {level, Ipa{align_down(ipa.value, rtt_entry_size(level) * kEntries)}};
}

Rtt::Walk Rtt::walk(Ipa ipa, int level) {
    for (int at = start_level_;; ++at) {
        const auto found = tables_.find(place(at, ipa));
        const Walk here{at, &found->second, (ipa.value / rtt_entry_size(at)) % kEntries};
        if (at == level || here.entry() != Entry::kTable) return here;
    }
}

RmiAnswer Rtt::create_table(Ipa ipa, std::int64_t level) {
    if (level <= start_level_ || level > kRttPageLevel) return kInputError;
    const int parent_level = static_cast<int>(level) - 1;
    if (ipa.value >> ipa_bits_ != 0 || !is_aligned(ipa.value, rtt_entry_size(parent_level)))
        return kInputError;
    const Walk parent = walk(ipa, parent_level);
    if (parent.level != parent_level || parent.entry() == Entry::kTable)
        return rtt_error(parent.level);
    tables_[place(parent_level + 1, ipa)].fill(parent.entry());
    parent.entry() = Entry::kTable;
    return {};
}

RmiAnswer Rtt::assign(Ipa ipa, bool ram) {
    if (!is_protected(ipa) || !is_aligned(ipa.value, kPageSize4K)) return kInputError;
    const Walk page = walk(ipa, kRttPageLevel);
    if (page.level != kRttPageLevel || is_assigned(page.entry())) return rtt_error(page.level);
    page.entry() = ram || is_ram(page.entry()) ? Entry::kAssignedRam : Entry::kAssignedEmpty;
    return {};
}

bool Rtt::valid_ripas_range(Ipa base, Ipa top) const {
    return base < top && is_aligned(base.value | top.value, kPageSize4K) && is_protected(base) &&
           is_protected(Ipa{top.value - kPageSize4K});
}

RmiAnswer Rtt::init_ripas(Ipa base, Ipa top, AssignedPages assigned) {
    const Walk first = walk(base, kRttPageLevel);
    const std::uint64_t size = rtt_entry_size(first.level);
    if (!is_aligned(base.value, size)) return rtt_error(first.level);
    Ipa next = base;
    for (std::size_t i = first.index; i < kEntries && top - next >= size; ++i) {
        Entry& entry = (*first.table)[i];
        if (entry == Entry::kTable) break;
        if (is_assigned(entry) && assigned == AssignedPages::kStop) break;
        entry = is_assigned(entry) ? Entry::kAssignedRam : Entry::kUnassignedRam;
        next = next + size;
    }
    if (next == base) return rtt_error(first.level);
    return {.level = first.level, .value = next.value};
}

std::vector<IpaRange> Rtt::ram() const {
    std::vector<IpaRange> ranges;
    for (const auto& [place, table] : tables_)
        if (place.first == start_level_) add_ram(place, ranges);
    return ranges;
}

void Rtt::add_ram(const Place& table, std::vector<IpaRange>& ranges) const {
    const auto [level, table_base] = table;
    const std::uint64_t size = rtt_entry_size(level);
    const Table& entries = tables_.at(table);
    for (std::size_t i = 0; i < kEntries; ++i) {
        const Ipa base = table_base + i * size;
        if (entries[i] == Entry::kTable) add_ram({level + 1, base}, ranges);
        if (!is_ram(entries[i])) continue;
        const bool touches = !ranges.empty() && ranges.back().top() == base;
        const Ipa from = touches ? ranges.back().base() : base;
        if (touches) ranges.pop_back();
        ranges.push_back(*IpaRange::between(from, base + size));
    }
}

}  // namespace rvmm::realm
