#include "realm/plan/find.hpp"

#include <algorithm>
#include <array>
#include <thread>

#include "base/text.hpp"
#include "realm/plan/candidate_chains.hpp"
#include "realm/plan/chain_search.hpp"

namespace rvmm::realm {
namespace {

constexpr unsigned kUsualChanges = 3;
constexpr std::size_t kBatch = 1U << 17;  // candidates that are searched together

std::optional<measure::Hash> hash_of_size(const measure::Digest& digest) {
    for (const auto hash : {measure::Hash::kSha256, measure::Hash::kSha384, measure::Hash::kSha512})
        if (digest_size(hash) == digest.size()) return hash;
    return std::nullopt;
}

std::vector<Change> changes_between(const RealmSpec& from, const RealmSpec& to) {
    std::vector<Change> changes;
    const auto add = [&](std::string_view key, std::string a, std::string b) {
        if (a != b) changes.push_back({std::string(key), std::move(a), std::move(b)});
    };
    const auto initrd = [](const RealmSpec& spec) {
        return spec.boot.initrd ? spec.boot.initrd->native() : std::string();
    };
    const RealmParameters& a = *from.realm;
    const RealmParameters& b = *to.realm;
    add("machine.vcpus", fmt::to_string(from.machine.vcpus), fmt::to_string(to.machine.vcpus));
    add("machine.memory", format_size(from.machine.memory), format_size(to.machine.memory));
    add("boot.initrd", initrd(from), initrd(to));
    add("boot.cmdline", from.boot.cmdline, to.boot.cmdline);
    add("realm.ipa_bits", fmt::to_string(a.ipa_bits), fmt::to_string(b.ipa_bits));
    add("realm.hash", std::string(to_string(a.hash)), std::string(to_string(b.hash)));
    add("realm.sve_vl", fmt::to_string(a.sve_vl), fmt::to_string(b.sve_vl));
    add("realm.pmu_counters", fmt::to_string(a.pmu_counters), fmt::to_string(b.pmu_counters));
    add("realm.breakpoints", fmt::to_string(a.breakpoints), fmt::to_string(b.breakpoints));
    add("realm.watchpoints", fmt::to_string(a.watchpoints), fmt::to_string(b.watchpoints));
    add("realm.profile", a.profile, b.profile);
    return changes;
}

/// One search under way.
class Finder {
  public:
    Finder(const RealmSpec& original, const RealmSpec& spec, const measure::Digest& wanted,
           const Axes& axes, CandidateChains& chains, unsigned threads, FindProgress& progress)
        : original_(original),
          spec_(spec),
          wanted_(wanted),
          axes_(axes),
          chains_(chains),
          threads_(threads),
          progress_(progress) {}

    Result<FindOutcome> run(unsigned most) {
        for (unsigned changes = 0; changes <= most && axes_.count(changes) != 0; ++changes) {
            outcome_.changes = progress_.changes = changes;
            RVMM_TRY(const bool all,
                     axes_.for_each(changes, [this](const Candidate& candidate) -> Result<bool> {
                         batch_.push_back(candidate);
                         if (batch_.size() == kBatch) RVMM_CHECK(search());
                         return !outcome_.found;
                     }));
            if (all) RVMM_CHECK(search());
            if (outcome_.found) break;
        }
        if (!outcome_.found) outcome_.next_round = axes_.count(outcome_.changes + 1);
        outcome_.steps = progress_.steps;
        return std::move(outcome_);
    }

  private:
    Result<> search() {
        if (batch_.empty()) return {};
        RVMM_TRY(std::vector<Chain> chains, chains_.make(batch_));
        const ChainSearch search{.starts = chains_.starts(),
                                 .content = [this](const ExtensionRun& run,
                                                   std::uint64_t index) -> const measure::Digest& {
                                     return chains_.content(run, index);
                                 },
                                 .wanted = wanted_,
                                 .hash = spec_.realm->hash,
                                 .threads = threads_,
                                 .lasting = CandidateChains::kImages,
                                 .known = known_,
                                 .steps = progress_.steps};
        RVMM_TRY(const auto found, search_chains(search, chains));
        if (found) report(batch_[*found]);
        outcome_.tried += static_cast<std::uint64_t>(std::ranges::count_if(
            chains, [&](const Chain& c) { return c.candidate <= found.value_or(c.candidate); }));
        progress_.tried = outcome_.tried;
        batch_.clear();
        return {};
    }

    void report(const Candidate& candidate) {
        FoundRealm found{.spec = spec_, .changes = {}};
        axes_.apply(candidate, found.spec);
        const Profile* profile = chains_.profile(candidate);
        if (profile != &axes_.own_profile()) found.spec.realm->profile = profile->name;
        found.changes = changes_between(original_, found.spec);
        outcome_.found = std::move(found);
    }

    const RealmSpec& original_;
    const RealmSpec& spec_;  // with the hash of the wanted RIM
    const measure::Digest& wanted_;
    const Axes& axes_;
    CandidateChains& chains_;
    unsigned threads_;
    FindProgress& progress_;
    KnownRims known_;
    std::vector<Candidate> batch_;
    FindOutcome outcome_;
};

}  // namespace

Result<FindOutcome> find_rim(const RealmSpec& spec, const measure::Digest& wanted,
                             const FindOptions& options) {
    if (!spec.realm) return fail(Stage::kConfig, "an ordinary VM has no RIM");
    const auto hash = hash_of_size(wanted);
    if (!hash) return fail(Stage::kUsage, "a RIM has 32, 48 or 64 bytes, not {}", wanted.size());
    const ProfileTable& profiles =
        options.profiles != nullptr ? *options.profiles : ProfileTable::built_in();
    const unsigned threads =
        options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
    RealmSpec hashed = spec;
    hashed.realm->hash = *hash;
    RVMM_TRY(const Axes axes, Axes::create(hashed, profiles, options.wishes));
    RVMM_TRY(CandidateChains chains, CandidateChains::create(hashed, axes, profiles, threads));
    FindProgress own;
    FindProgress& progress = options.progress != nullptr ? *options.progress : own;
    const unsigned usual = options.wishes.only.empty() ? kUsualChanges : kAxisCount;
    return Finder(spec, hashed, wanted, axes, chains, threads, progress)
        .run(options.changes.value_or(usual));
}

}  // namespace rvmm::realm
