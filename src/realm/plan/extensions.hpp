// Which extensions of the RIM the steps of a plan are, as data: without contents, digests or RIMs.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "base/address.hpp"
#include "measure/rim.hpp"
#include "realm/plan/launch_plan.hpp"
#include "rmi/records.hpp"

namespace rvmm::realm {

enum class ExtensionKind : std::uint8_t { kCreate, kData, kRec, kRipas };

/// Extensions of one kind next to each other in memory, ascending, at least one. The realm's
/// creation comes before all runs and is none.
struct ExtensionRun {
    ExtensionKind kind = ExtensionKind::kData;
    bool measured = false;    // DATA: contents count, not only addresses
    std::size_t content = 0;  // DATA: PopulateStep::blob
    Ipa base = {};            // DATA, RIPAS: of the first
    std::uint64_t size = 0;   // DATA: of a granule; RIPAS: of an RTT entry; bytes
    std::uint64_t count = 1;

    /// DATA, RIPAS: what extension `index` of the run covers.
    IpaRange range(std::uint64_t index) const {
        return IpaRange::make(base + index * size, size).value_or(IpaRange());
    }

    friend auto operator<=>(const ExtensionRun&, const ExtensionRun&) = default;
};

/// What decides which extensions the steps of a realm are.
struct Construction {
    const Profile& profile;
    const RealmParameters& realm;
    std::span<const IpaRange> blobs;  // whole granules; PopulateStep::blob is an index of it
};

/// The extensions of `step` in order; none if the RMM does not measure it.
std::vector<ExtensionRun> extensions_of(const PlanStep& step, const Construction& construction);

/// Makes the extension `index` of `run`. `content` is the digest of a measured granule, `rec` the
/// step of a REC. Errors as RimExtender's.
Result<> extend(measure::RimExtender& rim, const ExtensionRun& run, std::uint64_t index,
                const measure::Digest* content, const CreateRecStep* rec);

/// The parameters as the host passes them to RMI_REALM_CREATE.
rmi::RealmParams realm_params(const Profile& profile, const RealmParameters& realm);
/// The same of a REC.
rmi::RecParams rec_params(const CreateRecStep& step);

}  // namespace rvmm::realm
