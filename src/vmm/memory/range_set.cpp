#include "vmm/memory/range_set.hpp"

#include <algorithm>

namespace rvmm::vmm {

void RangeSet::add(Run run) {
    if (run.begin >= run.end) return;
    auto at = runs_.upper_bound(run.begin);
    if (at != runs_.begin() && std::prev(at)->second >= run.begin) --at;
    while (at != runs_.end() && at->first <= run.end) {
        run.begin = std::min(run.begin, at->first);
        run.end = std::max(run.end, at->second);
        at = runs_.erase(at);
    }
    runs_.emplace(run.begin, run.end);
}

void RangeSet::remove(Run run) {
    if (run.begin >= run.end) return;
    auto at = runs_.upper_bound(run.begin);
    if (at != runs_.begin() && std::prev(at)->second > run.begin) --at;
    while (at != runs_.end() && at->first < run.end) {
        const Run old = {at->first, at->second};
        at = runs_.erase(at);
        if (old.begin < run.begin) runs_.emplace(old.begin, run.begin);
        if (old.end > run.end) runs_.emplace(run.end, old.end);
    }
}

std::optional<RangeSet::Run> RangeSet::run_at(std::uint64_t at) const {
    auto run = runs_.upper_bound(at);
    if (run == runs_.begin()) return std::nullopt;
    --run;
    if (run->second <= at) return std::nullopt;
    return Run{run->first, run->second};
}

bool RangeSet::contains_all(Run run) const {
    if (run.begin >= run.end) return true;
    const auto holder = run_at(run.begin);
    return holder && holder->end >= run.end;
}

std::vector<RangeSet::Run> RangeSet::parts_in(Run run) const {
    std::vector<Run> parts;
    if (run.begin >= run.end) return parts;
    auto at = runs_.upper_bound(run.begin);
    if (at != runs_.begin() && std::prev(at)->second > run.begin) --at;
    for (; at != runs_.end() && at->first < run.end; ++at)
        parts.push_back({std::max(run.begin, at->first), std::min(run.end, at->second)});
    return parts;
}

std::vector<RangeSet::Run> RangeSet::parts_out(Run run) const {
    std::vector<Run> parts;
    for (const Run& in : parts_in(run)) {
        if (in.begin > run.begin) parts.push_back({run.begin, in.begin});
        run.begin = in.end;
    }
    if (run.begin < run.end) parts.push_back(run);
    return parts;
}

std::uint64_t RangeSet::total() const {
    std::uint64_t sum = 0;
    for (const auto& [begin, end] : runs_) sum += end - begin;
    return sum;
}

}  // namespace rvmm::vmm
