// Looks for a RIM among many chains of extensions. What several chains begin with is computed once;
// the rest is spread over threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
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

/// RIMs after long runs with which chains begin, for the searches to come. For several threads.
class KnownRims {
  public:
    /// Whether it is worth remembering what `chain`'s first `runs` runs lead to. Contents from
    /// `lasting` on mean something else in another search.
    static bool worthwhile(const Chain& chain, std::size_t runs, std::size_t lasting);
    std::optional<measure::Digest> find(const Chain& chain, std::size_t runs) const;
    void add(const Chain& chain, std::size_t runs, const measure::Digest& rim);

  private:
    using Key = std::pair<std::uint32_t, std::vector<ExtensionRun>>;
    static Key key(const Chain& chain, std::size_t runs);
    mutable std::mutex mutex_;
    std::map<Key, measure::Digest> rims_;
};

struct ChainSearch {
    const std::vector<ChainStart>& starts;
    /// The digest of the granule `index` of a measured DATA run. Called by all threads.
    std::function<const measure::Digest&(const ExtensionRun& run, std::uint64_t index)> content;
    measure::Digest wanted;
    measure::Hash hash;
    unsigned threads;     // at least 1
    std::size_t lasting;  // ExtensionRun::content below it means the same in all searches
    KnownRims& known;     // of searches with the same starts
    std::atomic<std::uint64_t>& steps;  // counts the extensions that are computed
};

/// The lowest candidate whose chain ends at the wanted RIM. Sorts `chains`. Errors: RimExtender's.
Result<std::optional<std::size_t>> search_chains(const ChainSearch& search,
                                                 std::vector<Chain>& chains);

}  // namespace rvmm::realm
