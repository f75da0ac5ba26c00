// The RIPAS of every page of a realm: an interval map over its RAM slots.
#pragma once

#include <map>
#include <vector>

#include "base/address.hpp"
#include "realm/rmm/software_rmm.hpp"

namespace rvmm::realm {

/// What lies outside the RAM slots is EMPTY and stays so. Neighbouring runs with one RIPAS are one
/// entry, so the map is as large as the number of runs, not of pages. All ranges are whole pages.
class RipasMap {
  public:
    /// All of `slots` is RAM. They are page aligned, not empty, ascending and do not overlap.
    explicit RipasMap(const std::vector<IpaRange>& slots);

    Ripas at(Ipa ipa) const;
    /// The runs of pages that are RAM, ascending, the first `limit` of them.
    std::vector<IpaRange> ram(std::size_t limit) const;
    /// The end of the run of pages from `base` that have its RIPAS; at most `end`, which is above.
    Ipa run_end(Ipa base, Ipa end) const;
    /// The end of the RAM slots that hold `ipa`, through slots that touch; `ipa` if it is in none.
    Ipa slots_end(Ipa ipa) const;
    /// The parts of `range` that lie in RAM slots and have another RIPAS, ascending.
    std::vector<IpaRange> parts_unlike(const IpaRange& range, Ripas ripas) const;
    /// Changes `range`, which lies in RAM slots.
    void set(const IpaRange& range, Ripas ripas);

  private:
    using Runs = std::map<Ipa, Ipa>;  // base to top; no two touch

    static void add(Runs& runs, const IpaRange& range);
    static void remove(Runs& runs, const IpaRange& range);
    /// The run that holds `ipa`, or end().
    static Runs::const_iterator find(const Runs& runs, Ipa ipa);
    /// The parts of `range` that lie in `runs`, ascending.
    static std::vector<IpaRange> parts_in(const Runs& runs, const IpaRange& range);

    Runs slots_;
    Runs ram_;
};

}  // namespace rvmm::realm
