// Looks for a RIM among many chains of extensions. What several chains begin with is computed once;
// the rest is spread over threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "measure/hash.hpp"
#include "measure/rim.hpp"
#include "realm/plan/extensions.hpp"

namespace rvmm::realm {

/// What a realm's creation leaves.
struct ChainStart {
    measure::Rule rule;
    measure::Digest rim;

    friend bool operator==(const ChainStart&, const ChainStart&) = default;
};

/// The extensions of one candidate.
struct Chain {
    std::uint32_t start = 0;  // index of its ChainStart
    /// Runs that compare equal do the same to a RIM: `content` tells apart all contents of granules
    /// and all RECs that the chains of a search have.
    std::vector<ExtensionRun> runs = {};
    CreateRecStep rec = {};     // of the run that is a REC
    std::size_t candidate = 0;  // what it is the chain of
};

struct ChainSearch {
    const std::vector<ChainStart>& starts;
    /// The digest of the granule `index` of a measured DATA run. Called by all threads.
    std::function<const measure::Digest&(const ExtensionRun& run, std::uint64_t index)> content;
    measure::Digest wanted;
    measure::Hash hash;
    unsigned threads;                   // at least 1
    std::atomic<std::uint64_t>& steps;  // counts the extensions that are computed
};

/// The lowest candidate whose chain ends at the wanted RIM. Sorts `chains`. Errors: RimExtender's.
Result<std::optional<std::size_t>> search_chains(const ChainSearch& search,
                                                 std::vector<Chain>& chains);

}  // namespace rvmm::realm
