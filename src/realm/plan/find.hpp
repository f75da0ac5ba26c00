// Looks for the variation of a config that has a given RIM.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "measure/hash.hpp"
#include "realm/plan/find_axes.hpp"

namespace rvmm::realm {

/// How far a search is; to be looked at from another thread.
struct FindProgress {
    std::atomic<unsigned> changes = 0;
    std::atomic<std::uint64_t> tried = 0;  // candidates of which the RIM is known
    std::atomic<std::uint64_t> steps = 0;  // extensions that were computed
};

struct FindOptions {
    const ProfileTable* profiles = nullptr;  // nothing: the built-in ones
    AxisWishes wishes = {};
    /// The most keys that may differ from the config at once. Nothing: 3, or any number where
    /// wishes.only says which keys vary.
    std::optional<unsigned> changes = {};
    unsigned threads = 0;  // 0: one for each CPU that this process may use
    FindProgress* progress = nullptr;
};

struct Change {
    std::string key;   // "machine.vcpus"
    std::string from;  // as the config says it; empty: it does not
    std::string to;    // empty: left out
};

struct FoundRealm {
    RealmSpec spec;
    std::vector<Change> changes;  // empty: the config itself
};

struct FindOutcome {
    std::optional<FoundRealm> found;
    std::uint64_t tried = 0;  // candidates, up to the one that was found
    std::uint64_t steps = 0;  // extensions that were computed
    unsigned changes = 0;     // the most keys that differed at once
    /// Candidates with one change more, if there are any and none was found; some may be such that
    /// no config can say.
    std::uint64_t next_round = 0;
};

/// Candidates are `spec` with one key changed, then two, and so on, so that a match has the fewest
/// changes. The hash follows from the size of `wanted`. A candidate that LaunchPlan::create() would
/// refuse is none: its memory does not fit, or no profile leading to the same RIMs can set what it
/// asks for (where the config's own cannot, another such profile is named).
/// Errors: those of LaunchPlan::create() about files and the profile; Stage::kUsage for wishes;
/// Stage::kConfig if `spec` is an ordinary VM's.
Result<FindOutcome> find_rim(const RealmSpec& spec, const measure::Digest& wanted,
                             const FindOptions& options = {});

}  // namespace rvmm::realm
