// Profiles: who measures what in which order, as data. A profile is an RMM's measurement rule, a
// host ABI revision and a page size; a new one is a new row, here or in a file of the user's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "measure/rim.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// The order of the steps after the realm is created and before it is activated.
enum class StepOrder : std::uint8_t {
    kPopulateRecsRipas,  // KVM's own order, v12 and later
    kRipasPopulateRecs,  // the VMM's order before v12, as kvmtool and rvmm have it
};
std::string_view to_string(StepOrder order);

/// Which RTT entries the host initialises, where the RMM measures them.
enum class RipasEntries : std::uint8_t {
    kWholeRange,  // all of RAM, by one call (before v12)
    kGaps,        // what population left over (v12 and later)
};
std::string_view to_string(RipasEntries entries);

struct Profile {
    std::string name =
        {};  // "rmm-2.0/tf-rmm + kvm-v14": rule, host, and the page size if not 4 KiB
    measure::Rule rule = measure::Rule::kRmm2TfRmm;
    std::string host = {};                  // "kvm-v14"; "emulated"
    std::uint64_t page_size = kPageSize4K;  // bytes, the granule of DATA: 4, 16 or 64 KiB
    StepOrder order = StepOrder::kPopulateRecsRipas;
    RipasEntries ripas = RipasEntries::kGaps;
    std::vector<measure::Hash> hashes = {measure::Hash::kSha256};  // that can be asked for
    bool sets_personalization = false;                             // RPV can be set
    bool sets_pmu = false;                                         // a PMU can be asked for
    bool sets_breakpoints = false;  // the count is the realm's own; else it is the host's
    bool lpa2 = false;              // the host sets the LPA2 flag of the parameters
    bool verified = false;          // a RIM by it was compared with that of a running RMM
    std::string note = {};          // one clause, for people

    friend bool operator==(const Profile&, const Profile&) = default;
};

class ProfileTable {
  public:
    /// All profiles that this rvmm knows, the default first.
    static const ProfileTable& built_in();
    /// The built-in table with the rows of a TOML text put over it or added to it. Format:
    /// docs/measure.md. Errors as parse_config(): Stage::kConfig with `name`, line and nearest key.
    /// Fuzzed.
    static Result<ProfileTable> with_text(std::string_view text, std::string_view name);

    std::span<const Profile> rows() const { return rows_; }

    /// The profile named `name`, or the first whose host `name` is ("kvm-v12"). Errors
    /// (Stage::kConfig) name the nearest.
    Result<const Profile*> find(std::string_view name) const;

    /// Refuses (Stage::kConfig) a parameter that the profile cannot set, naming those that can.
    Result<> check(const Profile& profile, const RealmParameters& parameters) const;

  private:
    explicit ProfileTable(std::vector<Profile> rows) : rows_(std::move(rows)) {}
    std::vector<Profile> rows_;
};

}  // namespace rvmm::realm
