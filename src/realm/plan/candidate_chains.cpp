#include "realm/plan/candidate_chains.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

#include "measure/page_hasher.hpp"

namespace rvmm::realm {
namespace {

using measure::Digest;

constexpr std::size_t kMaxLayouts = 1U << 17;  // that are kept for the candidates to come
constexpr std::size_t kPortion = 64;           // that a thread takes at a time

// ExtensionRun::content of the contents and RECs that there are.
constexpr std::size_t kKernel = 0;
constexpr std::size_t kInitrd = 1;
constexpr std::size_t kFirstLayout = CandidateChains::kImages;

std::uint64_t value_of(const Candidate& candidate, Axis axis) {
    return candidate[static_cast<std::size_t>(axis)];
}

/// A number for all that candidates which are created alike have in common.
std::uint64_t created_key(const Candidate& candidate) {
    std::uint64_t key = value_of(candidate, Axis::kProfile);
    for (const Axis axis :
         {Axis::kIpaBits, Axis::kSveVl, Axis::kPmuCounters, Axis::kBreakpoints, Axis::kWatchpoints})
        key = (key << 8) | value_of(candidate, axis);
    return key;
}

/// The same for those which are laid out alike.
std::uint64_t layout_key(const Candidate& candidate, std::uint64_t granule) {
    std::uint64_t key = granule / kPageSize4K;  // 1, 4, 16
    key = (key << 1) | value_of(candidate, Axis::kInitrd);
    key = (key << 10) | value_of(candidate, Axis::kVcpus);
    key = (key << 16) | value_of(candidate, Axis::kMemory);
    return (key << 32) | value_of(candidate, Axis::kCmdline);
}

/// Calls `work(first, last)` for portions of [0, count) on all threads, and returns an error that
/// one of them returned.
template <class Work>
Result<> in_portions(unsigned threads, std::size_t count, Work work) {
    std::atomic<std::size_t> next = 0;
    std::mutex mutex;
    Result<> result;
    const auto loop = [&] {
        for (std::size_t first = 0; (first = next.fetch_add(kPortion)) < count;) {
            auto done = work(first, std::min(first + kPortion, count));
            if (done) continue;
            const std::scoped_lock lock(mutex);
            result = std::move(done);
            next = count;
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (unsigned i = 1; i < threads && i * kPortion < count; ++i) helpers.emplace_back(loop);
        loop();
    }
    return result;
}

}  // namespace

Result<CandidateChains> CandidateChains::create(const RealmSpec& spec, const Axes& axes,
                                                const ProfileTable& profiles, unsigned threads) {
    CandidateChains chains(spec, axes, profiles, threads);
    RVMM_TRY(chains.images_, load_images(spec.boot, axes.largest_memory(), Reading::kMap));
    return chains;
}

const Profile* CandidateChains::profile(const Candidate& candidate) const {
    RealmSpec spec = spec_;
    axes_->apply(candidate, spec);
    for (const Profile* row : axes_->group(candidate).rows)
        if (profiles_->check(*row, *spec.realm)) return row;
    return nullptr;
}

/// The digests of all pages of the images, for one granule.
Result<> CandidateChains::hash_images(std::uint64_t granule) {
    const auto hash_all = [&](const Contents& contents) -> Result<std::vector<Digest>> {
        const ByteSpan bytes = contents.padded(granule);
        std::vector<Digest> digests;
        digests.reserve(bytes.size() / granule);
        measure::PageHasher hasher(spec_.realm->hash, {bytes}, granule, threads_);
        while (digests.size() < bytes.size() / granule) {
            RVMM_TRY(const auto chunk, hasher.next());
            digests.insert(digests.end(), chunk.begin(), chunk.end());
        }
        RVMM_CHECK(contents.check_unchanged());
        return digests;
    };
    ImagePages pages;
    RVMM_TRY(pages.kernel, hash_all(images_.kernel_contents));
    if (images_.initrd_contents) {
        RVMM_TRY(pages.initrd, hash_all(*images_.initrd_contents));
    }
    pages_.emplace(granule, std::move(pages));
    return {};
}

const Digest& CandidateChains::content(const ExtensionRun& run, std::uint64_t index) const {
    if (run.content >= kFirstLayout) return layouts_[run.content - kFirstLayout].fdt_pages[index];
    const ImagePages& pages = pages_.find(run.size)->second;
    return run.content == kKernel ? pages.kernel[index] : pages.initrd[index];
}

bool CandidateChains::memory_fits(const Candidate& candidate) {
    const std::uint64_t key =
        (value_of(candidate, Axis::kMemory) << 8) | value_of(candidate, Axis::kIpaBits);
    const auto known = memory_fits_.find(key);
    if (known != memory_fits_.end()) return known->second;
    RealmSpec spec = spec_;
    axes_->apply(candidate, spec);
    return memory_fits_[key] = make_board(spec).has_value();
}

Result<std::vector<CandidateChains::Draft>> CandidateChains::draft(
    std::span<const Candidate> candidates) {
    if (layouts_.size() > kMaxLayouts) {
        layouts_.clear();
        layout_keys_.clear();
    }
    std::vector<Draft> drafts;
    std::unordered_map<std::uint64_t, const Profile*> profiles;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const Candidate& candidate = candidates[i];
        const std::uint64_t able =
            (value_of(candidate, Axis::kProfile) << 8) | value_of(candidate, Axis::kPmuCounters);
        auto found = profiles.find(able);
        if (found == profiles.end()) found = profiles.emplace(able, profile(candidate)).first;
        if (found->second == nullptr || !memory_fits(candidate)) continue;
        const std::uint64_t granule = found->second->page_size;
        if (!pages_.contains(granule)) RVMM_CHECK(hash_images(granule));
        const auto created =
            created_keys_.emplace(created_key(candidate), created_keys_.size()).first->second;
        const auto layout =
            layout_keys_.emplace(layout_key(candidate, granule), layout_keys_.size()).first->second;
        drafts.push_back({i, found->second, created, layout});
    }
    return drafts;
}

Result<> CandidateChains::create_realms(std::span<const Candidate> candidates,
                                        std::span<const Draft> drafts) {
    std::vector<const Draft*> missing;
    for (const Draft& draft : drafts)
        if (draft.created == created_.size() + missing.size()) missing.push_back(&draft);
    std::vector<ChainStart> starts(missing.size());
    const measure::Hash hash = spec_.realm->hash;
    RVMM_CHECK(in_portions(threads_, missing.size(), [&](std::size_t i, std::size_t last) {
        RealmSpec spec = spec_;
        for (; i < last; ++i) {
            axes_->apply(candidates[missing[i]->candidate], spec);
            const Profile& profile = *missing[i]->profile;
            measure::RimExtender rim(profile.rule, hash);
            if (auto done = rim.realm_create(realm_params(profile, *spec.realm)); !done)
                return done;
            starts[i] = {profile.rule, rim.rim()};
        }
        return Result<>();
    }));
    for (const ChainStart& start : starts) {
        const ByteSpan rim = start.rim.bytes();
        const auto [known, is_new] = start_keys_.emplace(
            std::pair(start.rule, Bytes(rim.begin(), rim.end())), starts_.size());
        if (is_new) starts_.push_back(start);
        created_.push_back(known->second);
    }
    return {};
}

Result<CandidateChains::Layout> CandidateChains::laid_out(const RealmSpec& spec,
                                                          std::uint64_t granule,
                                                          measure::Hasher& hasher) const {
    RVMM_TRY(const Board board, make_board(spec));
    auto placed = place_images(spec, board, images_, granule);
    if (!placed && placed.error().stage() == Stage::kConfig) return Layout{};
    if (!placed) return std::unexpected(std::move(placed).error());
    Layout layout{.fits = true, .placement = *std::move(placed)};
    Bytes fdt = std::exchange(layout.placement.fdt_contents, {});
    fdt.resize(*align_up(fdt.size(), granule));
    for (std::size_t at = 0; at < fdt.size(); at += granule) {
        RVMM_TRY(const Digest page, hasher.digest({ByteSpan(fdt).subspan(at, granule)}));
        layout.fdt_pages.push_back(page);
    }
    return layout;
}

Result<> CandidateChains::lay_out(std::span<const Candidate> candidates,
                                  std::span<const Draft> drafts) {
    std::vector<const Draft*> missing;
    for (const Draft& draft : drafts)
        if (draft.layout == layouts_.size() + missing.size()) missing.push_back(&draft);
    const std::size_t before = layouts_.size();
    layouts_.resize(before + missing.size());
    return in_portions(threads_, missing.size(), [&](std::size_t i, std::size_t last) -> Result<> {
        RealmSpec spec = spec_;
        measure::Hasher hasher(spec.realm->hash);
        for (; i < last; ++i) {
            axes_->apply(candidates[missing[i]->candidate], spec);
            RVMM_TRY(layouts_[before + i], laid_out(spec, missing[i]->profile->page_size, hasher));
        }
        return {};
    });
}

Result<Chain> CandidateChains::chain(const RealmSpec& spec, const Draft& draft) const {
    const Placement& placed = layouts_[draft.layout].placement;
    std::vector<IpaRange> blobs;
    blobs.reserve(placed.blobs.size());
    for (const PlacedBlob& blob : placed.blobs) blobs.push_back(blob.range);
    RVMM_TRY(const Board board, make_board(spec));
    const Construction construction{*draft.profile, *spec.realm, blobs};
    Chain chain{.start = created_[draft.created], .candidate = draft.candidate};
    for (const PlanStep& step :
         realm_steps(*draft.profile, board, blobs.size(), placed.entry, placed.fdt))
        for (ExtensionRun run : extensions_of(step, construction)) {
            if (run.kind == ExtensionKind::kRec) chain.rec = std::get<CreateRecStep>(step);
            if (run.kind != ExtensionKind::kRipas) run.content = kFirstLayout + draft.layout;
            if (const auto* populate = std::get_if<PopulateStep>(&step)) {
                const Blob::Kind kind = placed.blobs[populate->blob].kind;
                if (kind == Blob::Kind::kKernel) run.content = kKernel;
                if (kind == Blob::Kind::kInitrd) run.content = kInitrd;
            }
            chain.runs.push_back(run);
        }
    return chain;
}

Result<std::vector<Chain>> CandidateChains::make(std::span<const Candidate> candidates) {
    RVMM_TRY(std::vector<Draft> drafts, draft(candidates));
    RVMM_CHECK(create_realms(candidates, drafts));
    RVMM_CHECK(lay_out(candidates, drafts));
    std::erase_if(drafts, [this](const Draft& draft) { return !layouts_[draft.layout].fits; });
    std::vector<Chain> chains(drafts.size());
    RVMM_CHECK(
        in_portions(threads_, drafts.size(), [&](std::size_t i, std::size_t last) -> Result<> {
            RealmSpec spec = spec_;
            for (; i < last; ++i) {
                axes_->apply(candidates[drafts[i].candidate], spec);
                RVMM_TRY(chains[i], chain(spec, drafts[i]));
            }
            return {};
        }));
    return chains;
}

}  // namespace rvmm::realm
