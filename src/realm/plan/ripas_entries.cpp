#include "realm/plan/ripas_entries.hpp"

#include <algorithm>
#include <cassert>

#include "rmi/rtt.hpp"

namespace rvmm::realm {
namespace {

constexpr std::uint32_t kGoldenRatio32 = 0x61c8'8647;  // Linux's multiplier for hashing integers
constexpr unsigned kSlotBucketShift = 25;              // 128 buckets

// The level of the largest entry at `base` that ends at `top` or before.
int level_at(int highest, Ipa base, Ipa top) {
    int level = highest;
    while (!is_aligned(base.value, rmi::rtt_entry_size(level)) ||
           rmi::rtt_entry_size(level) > top - base)
        ++level;
    return level;
}

// Where entries of `level` from `base` on have to end: below `top`, and before larger ones fit.
Ipa run_end(int highest, int level, Ipa base, Ipa top) {
    const Ipa last{align_down(top.value, rmi::rtt_entry_size(level))};
    if (level == highest) return last;
    const std::uint64_t larger = rmi::rtt_entry_size(level - 1);
    const Ipa boundary{align_down(base.value, larger) + larger};
    const bool aligned = is_aligned(base.value, larger);  // then a larger one did not fit
    return aligned || boundary > top || top - boundary < larger ? last : boundary;
}

void append(std::vector<RipasRun>& runs, int highest, const IpaRange& range) {
    assert(is_aligned(range.base().value | range.size(), kPageSize4K));
    for (Ipa base = range.base(); base < range.top();) {
        const int level = level_at(highest, base, range.top());
        const Ipa end = run_end(highest, level, base, range.top());
        runs.push_back({*IpaRange::between(base, end), rmi::rtt_entry_size(level)});
        base = end;
    }
}

std::uint32_t bucket(std::uint32_t id) {
    return (id * kGoldenRatio32) >> kSlotBucketShift;
}

}  // namespace

std::vector<RipasRun> ripas_of_call(unsigned ipa_bits, const IpaRange& range) {
    std::vector<RipasRun> runs;
    append(runs, start_level(ipa_bits), range);
    return runs;
}

std::vector<RipasRun> ripas_of_slot(unsigned ipa_bits, const IpaRange& slot,
                                    std::span<const IpaRange> populated) {
    std::vector<RipasRun> runs;
    const int highest = start_level(ipa_bits);
    Ipa from = slot.base();
    for (const IpaRange& range : populated) {
        const IpaRange pages = slot.intersect(range);
        if (pages.empty()) continue;
        append(runs, highest, *IpaRange::between(from, pages.base()));
        from = pages.top();
    }
    append(runs, highest, *IpaRange::between(from, slot.top()));
    return runs;
}

std::vector<std::uint32_t> slot_walk_order(std::span<const std::uint32_t> ids) {
    std::vector<std::uint32_t> order;
    for (std::size_t i = ids.size(); i-- > 0;) {  // the newest first
        const std::uint32_t id = ids[i];
        if (std::ranges::find(order, id) != order.end()) continue;
        const auto place = std::ranges::upper_bound(order, bucket(id), {}, bucket);
        order.insert(place, id);
    }
    return order;
}

}  // namespace rvmm::realm
