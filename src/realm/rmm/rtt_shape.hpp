// The shape of a realm's translation tables (RTT), as far as a realm can see it: it decides where
// a run that IPA_STATE_GET reports has to end.
#pragma once

#include <vector>

#include "base/address.hpp"

namespace rvmm::realm {

/// The tables that Linux KVM (v14 of the realm series) builds: a root at the highest level that up
/// to 16 concatenated tables can make, level-3 tables under all RAM slots (rounded out to 2 MiB),
/// and elsewhere only the tables that lead there. Granule 4 KiB, 512 entries a table; a
/// concatenated root counts as tables of 512 entries.
class RttShape {
  public:
    /// `ipa_bits` is 32 to 52, with the unprotected half; `slots` is ascending.
    RttShape(unsigned ipa_bits, std::vector<IpaRange> slots);

    /// The end of the entries that can be reported in one run with the one that maps `ipa`: the end
    /// of the deepest table that covers it, or the first entry there that is itself a table.
    Ipa entries_end(Ipa ipa) const;

  private:
    bool has_slot(Ipa base, std::uint64_t size) const;

    int start_level_;
    std::vector<IpaRange> slots_;
};

}  // namespace rvmm::realm
