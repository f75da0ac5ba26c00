#include "realm/rmm/ripas_map.hpp"

#include <algorithm>

namespace rvmm::realm {

RipasMap::RipasMap(const std::vector<IpaRange>& slots) {
    for (const IpaRange& slot : slots) add(slots_, slot);
    ram_ = slots_;
}

Ripas RipasMap::at(Ipa ipa) const {
    return find(ram_, ipa) != ram_.end() ? Ripas::kRam : Ripas::kEmpty;
}

std::vector<IpaRange> RipasMap::ram(std::size_t limit) const {
    std::vector<IpaRange> runs;
    for (const auto& [base, top] : ram_) {
        if (runs.size() == limit) break;
        runs.push_back(*IpaRange::between(base, top));
    }
    return runs;
}

Ipa RipasMap::run_end(Ipa base, Ipa end) const {
    if (const auto run = find(ram_, base); run != ram_.end()) return std::min(run->second, end);
    const auto next = ram_.upper_bound(base);
    return next == ram_.end() ? end : std::min(next->first, end);
}

Ipa RipasMap::slots_end(Ipa ipa) const {
    const auto slot = find(slots_, ipa);
    return slot == slots_.end() ? ipa : slot->second;
}

std::vector<IpaRange> RipasMap::parts_unlike(const IpaRange& range, Ripas ripas) const {
    if (ripas == Ripas::kEmpty) return parts_in(ram_, range);
    std::vector<IpaRange> parts;
    for (const IpaRange& slot : parts_in(slots_, range)) {
        Ipa from = slot.base();
        for (const IpaRange& ram : parts_in(ram_, slot)) {
            if (from < ram.base()) parts.push_back(*IpaRange::between(from, ram.base()));
            from = ram.top();
        }
        if (from < slot.top()) parts.push_back(*IpaRange::between(from, slot.top()));
    }
    return parts;
}

void RipasMap::set(const IpaRange& range, Ripas ripas) {
    if (ripas == Ripas::kRam)
        add(ram_, range);
    else
        remove(ram_, range);
}

void RipasMap::add(Runs& runs, const IpaRange& range) {
    if (range.empty()) return;
    Ipa base = range.base();
    Ipa top = range.top();
    auto run = runs.upper_bound(base);
    if (run != runs.begin() && std::prev(run)->second >= base) --run;
    while (run != runs.end() && run->first <= top) {
        base = std::min(base, run->first);
        top = std::max(top, run->second);
        run = runs.erase(run);
    }
    runs.emplace_hint(run, base, top);
}

void RipasMap::remove(Runs& runs, const IpaRange& range) {
    if (range.empty()) return;
    auto run = runs.upper_bound(range.base());
    if (run != runs.begin() && std::prev(run)->second > range.base()) --run;
    while (run != runs.end() && run->first < range.top()) {
        const auto [base, top] = *run;
        run = runs.erase(run);
        if (base < range.base()) runs.emplace_hint(run, base, range.base());
        if (range.top() < top) run = runs.emplace_hint(run, range.top(), top);
    }
}

RipasMap::Runs::const_iterator RipasMap::find(const Runs& runs, Ipa ipa) {
    auto run = runs.upper_bound(ipa);
    if (run == runs.begin()) return runs.end();
    --run;
    return ipa < run->second ? run : runs.end();
}

std::vector<IpaRange> RipasMap::parts_in(const Runs& runs, const IpaRange& range) {
    std::vector<IpaRange> parts;
    if (range.empty()) return parts;
    auto run = runs.upper_bound(range.base());
    if (run != runs.begin() && std::prev(run)->second > range.base()) --run;
    for (; run != runs.end() && run->first < range.top(); ++run)
        parts.push_back(range.intersect(*IpaRange::between(run->first, run->second)));
    return parts;
}

}  // namespace rvmm::realm
