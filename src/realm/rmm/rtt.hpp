// A realm's translation tables (RTT) as the RMM keeps them for a host that builds a realm: which
// tables there are, what is assigned, and the RIPAS of every entry.
//
// Source: DEN0137 section A5.5; statuses and levels as TF-RMM v0.6.0 (RMI 1.0) and main of July
// 2026 (RMI 2.0) answer them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "rmi/rmi.hpp"
#include "rmi/rtt.hpp"

namespace rvmm::realm {

/// What an RMI command answers: X0, and X1 where the command has one.
struct RmiAnswer {
    rmi::RmiStatus status = rmi::RmiStatus::kSuccess;
    int level = 0;            // kErrorRtt: where the walk ended (-1 to 3)
    std::uint64_t value = 0;  // X1; 0 where there is none

    bool ok() const { return status == rmi::RmiStatus::kSuccess; }
    friend bool operator==(const RmiAnswer&, const RmiAnswer&) = default;
};

inline constexpr RmiAnswer kInputError{.status = rmi::RmiStatus::kErrorInput};
inline constexpr RmiAnswer kRealmStateError{.status = rmi::RmiStatus::kErrorRealm};

/// Which entries INIT_RIPAS passes besides unassigned ones.
enum class AssignedPages : std::uint8_t {
    kStop,  // none: it stops at an assigned page (RMI 1.0)
    kPass,  // assigned ones too, which become RAM (RMI 2.0)
};

/// Granule 4 KiB. Memory goes with the number of tables, 512 bytes each. Every page that is
/// assigned is mapped by an entry of level 3.
class Rtt {
  public:
    /// `tables` (1 to 16) concatenated tables at `start_level` that together map `ipa_bits` bits;
    /// all of the protected half is unassigned and RIPAS EMPTY.
    Rtt(unsigned ipa_bits, int start_level, unsigned tables);

    /// RMI_RTT_CREATE of a table at `level` for `ipa`.
    RmiAnswer create_table(Ipa ipa, std::int64_t level);

    /// Assigns the page at `ipa`, with RIPAS RAM or (`ram` false) the RIPAS that it has.
    RmiAnswer assign(Ipa ipa, bool ram);

    /// Whether RMI_RTT_INIT_RIPAS takes [base, top): whole pages in the protected half, not none.
    bool valid_ripas_range(Ipa base, Ipa top) const;

    /// RMI_RTT_INIT_RIPAS of a valid range: entries of one table become RAM from `base` on. On
    /// success `value` is where it stopped, and `level` the table's: each entry of that level in
    /// [base, value) was passed.
    RmiAnswer init_ripas(Ipa base, Ipa top, AssignedPages assigned);

    /// What has RIPAS RAM, ascending; ranges that touch are one.
    std::vector<IpaRange> ram() const;

  private:
    enum class Entry : std::uint8_t {
        kUnassignedEmpty,  // in the unprotected half: unassigned, no RIPAS
        kUnassignedRam,
        kAssignedEmpty,
        kAssignedRam,
        kTable,
    };
    static constexpr std::size_t kEntries = 512;
    using Table = std::array<Entry, kEntries>;
    using Place = std::pair<int, Ipa>;  // of a table: level, first address

    struct Walk {
        int level;
        Table* table;
        std::size_t index;
        Entry& entry() const { return (*table)[index]; }
    };

    static bool is_assigned(Entry entry) {
        return entry == Entry::kAssignedEmpty || entry == Entry::kAssignedRam;
    }
    static bool is_ram(Entry entry) {
        return entry == Entry::kUnassignedRam || entry == Entry::kAssignedRam;
    }
    static Place place(int level, Ipa ipa);
    /// Down to `level` (not above the start level), or as far as there are tables.
    Walk walk(Ipa ipa, int level);
    bool is_protected(Ipa ipa) const { return ipa.value >> (ipa_bits_ - 1) == 0; }
    void add_ram(const Place& table, std::vector<IpaRange>& ranges) const;

    unsigned ipa_bits_;
    int start_level_;
    std::map<Place, Table> tables_;
};

}  // namespace rvmm::realm
