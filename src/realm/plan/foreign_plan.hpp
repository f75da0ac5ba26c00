// Launch plans of realms that kvmtool or QEMU launches: what `rvmm measure --layout` folds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "measure/hash.hpp"
#include "realm/layout/foreign.hpp"
#include "realm/plan/launch_plan.hpp"

namespace rvmm::realm {

/// A realm as it was asked of another VMM. Numbers are those that a person gave: the plan checks
/// them as it would those of a config.
struct ForeignRealm {
    ForeignImage image = {};
    std::string profile = RealmParameters{}.profile;
    std::optional<measure::Hash> hash = {};  // nothing: that VMM's default, if it can be asked for
    std::optional<std::uint64_t> ipa_bits = {};  // nothing: what that VMM asks for by itself
    std::uint64_t breakpoints = RealmParameters{}.breakpoints;  // counts
    std::uint64_t watchpoints = RealmParameters{}.watchpoints;
    std::uint64_t sve_vl = 0;        // bits
    std::uint64_t pmu_counters = 0;  // 0: no PMU
    /// Bytes, 4 or 64 KiB, that populated ranges are rounded to. Nothing: the default_rounding().
    std::optional<std::uint64_t> rounding = {};
};

/// 64 KiB for kvmtool where the order of launch is its own (host kvm-v10), else 4 KiB. An older
/// kvmtool rounds to 4 KiB there too, and populates its event log after the RECs.
std::uint64_t default_rounding(ForeignVmm vmm, const Profile& profile);

/// The plan, of which the spec names what was settled: hash, ipa_bits, profile; the rounding stands
/// in the layout's blobs. Errors: those of make_foreign_layout(); Stage::kConfig for a number out
/// of range, a profile that there is not or that cannot set a parameter, ipa_bits that RAM does not
/// fit, and QEMU's firmware where the RMM measures the gaps of a memory slot that is not known.
Result<LaunchPlan> plan_foreign(const ForeignRealm& realm, const PlanOptions& options = {});

}  // namespace rvmm::realm
