// Makes the chains of extensions of candidates: each file is read and hashed once, each layout, FDT
// and realm creation that several candidates share is made once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "realm/layout/guest_layout.hpp"
#include "realm/plan/chain_search.hpp"
#include "realm/plan/find_axes.hpp"

namespace rvmm::realm {

class CandidateChains {
  public:
    /// Reads the images of `spec`, a realm's. `axes` and `profiles` outlive this. Errors: those of
    /// load_images().
    static Result<CandidateChains> create(const RealmSpec& spec, const Axes& axes,
                                          const ProfileTable& profiles, unsigned threads);

    /// The chains of those of `candidates` that a config could say; Chain::candidate is the index.
    /// What the chains refer to lasts until the next call. Errors: Stage::kImage if a file changed
    /// since it was opened, Stage::kInternal.
    Result<std::vector<Chain>> make(std::span<const Candidate> candidates);

    const std::vector<ChainStart>& starts() const { return starts_; }
    /// ExtensionRun::content below it is an image's.
    static constexpr std::size_t kImages = 2;
    /// For ChainSearch::content.
    const measure::Digest& content(const ExtensionRun& run, std::uint64_t index) const;

    /// The profile that `candidate` is said with: the first of its group that can set what it asks
    /// for. Nothing: no config could say it.
    const Profile* profile(const Candidate& candidate) const;

  private:
    /// Where everything lies in candidates that differ in what is measured before, but not there.
    struct Layout {
        bool fits = false;
        Placement placement = {};  // without the FDT's bytes
        std::vector<measure::Digest> fdt_pages = {};
    };
    struct ImagePages {
        std::vector<measure::Digest> kernel, initrd;
    };
    /// A candidate on its way.
    struct Draft {
        std::size_t candidate;
        const Profile* profile;
        std::uint32_t created;  // index into created_
        std::uint32_t layout;   // index into layouts_
    };

    CandidateChains(const RealmSpec& spec, const Axes& axes, const ProfileTable& profiles,
                    unsigned threads)
        : spec_(spec), axes_(&axes), profiles_(&profiles), threads_(threads) {}

    Result<std::vector<Draft>> draft(std::span<const Candidate> candidates);
    bool memory_fits(const Candidate& candidate);
    Result<> hash_images(std::uint64_t granule);
    Result<> create_realms(std::span<const Candidate> candidates, std::span<const Draft> drafts);
    Result<> lay_out(std::span<const Candidate> candidates, std::span<const Draft> drafts);
    Result<Layout> laid_out(const RealmSpec& spec, std::uint64_t granule,
                            measure::Hasher& hasher) const;
    Result<Chain> chain(const RealmSpec& spec, const Draft& draft) const;

    RealmSpec spec_;
    const Axes* axes_;
    const ProfileTable* profiles_;
    unsigned threads_;
    Images images_;
    std::map<std::uint64_t, ImagePages> pages_;  // by granule
    std::unordered_map<std::uint64_t, bool> memory_fits_;

    std::unordered_map<std::uint64_t, std::uint32_t> created_keys_;
    std::vector<std::uint32_t> created_;  // indices into starts_
    std::map<std::pair<measure::Rule, Bytes>, std::uint32_t> start_keys_;
    std::vector<ChainStart> starts_;

    std::unordered_map<std::uint64_t, std::uint32_t> layout_keys_;
    std::vector<Layout> layouts_;
};

}  // namespace rvmm::realm
