// Which RTT entries an RMM 1.0 measures when a host initialises RIPAS, as closed forms: the RIM has
// one extension an entry, so it depends on the tables that the host happens to have made. All
// pages are of 4 KiB.
//
// Source: shared facts "Seen on running RMM 1.0 hosts" section 1 (v12), the KVM realm ABI sheets
// section 7 (v10 and v12). tests/realm/rmm/host_model_test compares them with the host's loops.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/address.hpp"

namespace rvmm::realm {

/// The level of the root tables that KVM makes: the highest that at most 16 concatenated tables
/// can make. `ipa_bits` is 32 to 52, with the unprotected half.
constexpr int start_level(unsigned ipa_bits) {
    if (ipa_bits <= 34) return 2;
    return ipa_bits <= 43 ? 1 : 0;
}

/// Entries of one size next to each other: they are measured one by one, ascending.
struct RipasRun {
    IpaRange range;                // a whole number of entries, not empty
    std::uint64_t entry_size = 0;  // bytes: 4 KiB, 2 MiB, 1 GiB or 512 GiB

    friend constexpr bool operator==(const RipasRun&, const RipasRun&) = default;
};

/// Calls `visit(entry)` for every entry (an IpaRange) of `run`, in order, until it returns an
/// error.
template <class Visit>
auto for_each_entry(const RipasRun& run, Visit visit) -> decltype(visit(IpaRange{})) {
    for (Ipa base = run.range.base(); base < run.range.top(); base = base + run.entry_size)
        if (auto done = visit(*IpaRange::make(base, run.entry_size)); !done) return done;
    return {};
}

/// The entries of one INIT_RIPAS call of v10's KVM over `range` (whole pages) where the realm has
/// no tables but its root yet: the largest that are aligned, fit, and the start level has.
std::vector<RipasRun> ripas_of_call(unsigned ipa_bits, const IpaRange& range);

/// The entries that v12's KVM initialises in one memory slot at the first run, after population:
/// as ripas_of_call() in every gap that is left between `populated` ranges, which are ascending and
/// do not overlap; they may reach outside the slot. All are whole pages. Pages populated without
/// being measured count too.
std::vector<RipasRun> ripas_of_slot(unsigned ipa_bits, const IpaRange& slot,
                                    std::span<const IpaRange> populated);

/// The order in which v12's KVM walks memory slots. `ids` are slot numbers in the order in which
/// they were set; one that was deleted and set again counts where it stands last.
std::vector<std::uint32_t> slot_walk_order(std::span<const std::uint32_t> ids);

}  // namespace rvmm::realm
