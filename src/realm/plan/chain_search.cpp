#include "realm/plan/chain_search.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <span>
#include <thread>
#include <tuple>

namespace rvmm::realm {
namespace {

using measure::Digest;
using measure::RimExtender;

// Extensions that are worth handing to another thread.
constexpr std::uint64_t kTaskSteps = 4096;
// Extensions that are worth remembering the end of, and how many ends are remembered.
constexpr std::uint64_t kLongRun = 512;
constexpr std::size_t kMaxKnown = 1U << 16;

/// A place in a chain: before the extension `offset` of the run `run`.
struct Depth {
    std::size_t run = 0;
    std::uint64_t offset = 0;
};

/// Chains [first, last) that have everything before `depth` in common, and their RIM there.
struct Task {
    std::size_t first = 0;
    std::size_t last = 0;
    Depth depth = {};
    Digest rim = {};
};

/// The same but for how many extensions they are.
bool alike(const ExtensionRun& a, ExtensionRun b) {
    b.count = a.count;
    return a == b;
}

/// How far two chains that are the same up to `from` are the same.
Depth common(const Chain& a, const Chain& b, Depth from) {
    Depth depth = from;
    while (depth.run < a.runs.size() && depth.run < b.runs.size()) {
        const ExtensionRun& x = a.runs[depth.run];
        const ExtensionRun& y = b.runs[depth.run];
        if (!alike(x, y)) break;
        if (x.count != y.count) return {depth.run, std::min(x.count, y.count)};
        depth = {depth.run + 1, 0};
    }
    return depth;
}

/// The run that the extension after `depth` belongs to, or the number of runs at the end.
std::size_t next_run(const Chain& chain, Depth depth) {
    const bool over = depth.run < chain.runs.size() && depth.offset == chain.runs[depth.run].count;
    return depth.run + (over ? 1 : 0);
}

/// Whether two chains that are the same up to `depth` go on alike, or both end.
bool same_next(const Chain& a, const Chain& b, Depth depth) {
    const std::size_t x = next_run(a, depth);
    const std::size_t y = next_run(b, depth);
    const bool ends = x == a.runs.size();
    if (ends || y == b.runs.size()) return ends && y == b.runs.size();
    return x == y && alike(a.runs[x], b.runs[y]);
}

std::uint64_t steps_after(const Chain& chain, Depth depth) {
    std::uint64_t steps = 0;
    for (std::size_t i = depth.run; i < chain.runs.size(); ++i) steps += chain.runs[i].count;
    return steps - depth.offset;
}

/// One thread's: an extender for each rule.
struct Worker {
    explicit Worker(measure::Hash hash)
        : rims{RimExtender(measure::Rule::kRmm1, hash),
               RimExtender(measure::Rule::kRmm2TfRmm, hash),
               RimExtender(measure::Rule::kRmm2Spec, hash)} {}
    RimExtender& rim(measure::Rule rule) {
        return *std::ranges::find(rims, rule, &RimExtender::rule);
    }
    std::array<RimExtender, 3> rims;
};

/// Walks the tree that the chains are, its branches on all threads.
class Walk {
  public:
    Walk(const ChainSearch& search, const std::vector<Chain>& chains)
        : search_(search), chains_(chains) {
        for (std::size_t first = 0, last = 0; first < chains.size(); first = last) {
            while (last < chains.size() && chains[last].start == chains[first].start) ++last;
            tasks_.push_back({first, last, {}, search.starts[chains[first].start].rim});
        }
    }

    Result<std::optional<std::size_t>> run() {
        {
            std::vector<std::jthread> helpers;
            for (unsigned i = 1; i < search_.threads; ++i) helpers.emplace_back([this] { work(); });
            work();
        }
        if (error_) return std::unexpected(*std::move(error_));
        return found_;
    }

  private:
    void work() {
        Worker worker(search_.hash);
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [this] { return !tasks_.empty() || busy_ == 0 || stop_; });
            if (tasks_.empty() || stop_) return;
            const Task task = tasks_.back();
            tasks_.pop_back();
            ++busy_;
            lock.unlock();
            auto done = follow(worker, task);
            lock.lock();
            --busy_;
            if (!done) {
                error_ = std::move(done).error();
                stop_ = true;
            }
            if (busy_ == 0 || stop_) changed_.notify_all();
        }
    }

    /// Follows the branches at the task's depth, or hands most of them to others if they are many.
    Result<> follow(Worker& worker, const Task& task) {
        const std::size_t own = worthwhile(task, task.first);
        for (std::size_t first = own; first < task.last;) {
            const std::size_t last = worthwhile(task, first);
            push({first, last, task.depth, task.rim});
            first = last;
        }
        for (std::size_t first = task.first; first < own && !stop_;) {
            const std::size_t last = branch_end(task, first);
            RVMM_CHECK(descend(worker, {first, last, task.depth, task.rim}));
            first = last;
        }
        return {};
    }

    /// Where the branch that the chain `first` is in ends.
    std::size_t branch_end(const Task& task, std::size_t first) const {
        std::size_t last = first + 1;
        while (last < task.last && same_next(chains_[first], chains_[last], task.depth)) ++last;
        return last;
    }

    /// The end of as many branches from `first` on as are worth a task.
    std::size_t worthwhile(const Task& task, std::size_t first) const {
        std::uint64_t steps = 0;
        while (first < task.last && steps < kTaskSteps) {
            const std::size_t last = branch_end(task, first);
            steps += (last - first) * (1 + steps_after(chains_[first], task.depth));
            first = last;
        }
        return first;
    }

    /// `branch` is a single one.
    Result<> descend(Worker& worker, const Task& branch) {
        const Chain& chain = chains_[branch.first];
        if (next_run(chain, branch.depth) == chain.runs.size()) {
            if (branch.rim == search_.wanted) report(chain.candidate);
            return {};
        }
        Task next = branch;
        next.depth = common(chain, chains_[branch.last - 1], branch.depth);
        RVMM_TRY(next.rim, extended(worker, chain, known(chain, branch, next.depth), next.depth));
        return follow(worker, next);
    }

    /// The last place up to `to` of which the RIM is known: that of `from`, or a later one.
    Task known(const Chain& chain, const Task& from, Depth to) const {
        for (std::size_t run = to.run; run > from.depth.run; --run) {
            if (!KnownRims::worthwhile(chain, run, search_.lasting)) continue;
            if (const auto rim = search_.known.find(chain, run))
                return {from.first, from.last, {run, 0}, *rim};
        }
        return from;
    }

    Result<Digest> extended(Worker& worker, const Chain& chain, const Task& from, Depth to) {
        RimExtender& rim = worker.rim(search_.starts[chain.start].rule);
        rim.resume(from.rim);
        std::uint64_t steps = 0;
        std::uint64_t index = from.depth.offset;
        for (std::size_t r = from.depth.run; r <= to.run && r < chain.runs.size(); ++r) {
            const ExtensionRun& run = chain.runs[r];
            const std::uint64_t end = r == to.run ? to.offset : run.count;
            for (; index < end; ++index, ++steps) {
                const Digest* content = run.measured ? &search_.content(run, index) : nullptr;
                RVMM_CHECK(extend(rim, run, index, content, &chain.rec));
            }
            if (end == run.count && KnownRims::worthwhile(chain, r + 1, search_.lasting))
                search_.known.add(chain, r + 1, rim.rim());
            index = 0;
        }
        search_.steps += steps;
        return rim.rim();
    }

    void push(const Task& task) {
        const std::scoped_lock lock(mutex_);
        tasks_.push_back(task);
        changed_.notify_one();
    }

    void report(std::size_t candidate) {
        const std::scoped_lock lock(mutex_);
        found_ = std::min(found_.value_or(candidate), candidate);
        stop_ = true;
    }

    const ChainSearch& search_;
    const std::vector<Chain>& chains_;
    std::mutex mutex_;  // for all below
    std::condition_variable changed_;
    std::vector<Task> tasks_;
    unsigned busy_ = 0;  // threads that may still push tasks
    std::optional<std::size_t> found_;
    std::optional<Error> error_;
    std::atomic<bool> stop_ = false;  // set under the mutex
};

}  // namespace

bool KnownRims::worthwhile(const Chain& chain, std::size_t runs, std::size_t lasting) {
    const auto lasts = [&](const ExtensionRun& run) {
        return run.kind == ExtensionKind::kRipas ||
               (run.kind == ExtensionKind::kData && run.content < lasting);
    };
    return chain.runs[runs - 1].count >= kLongRun &&
           std::ranges::all_of(std::span(chain.runs).first(runs), lasts);
}

KnownRims::Key KnownRims::key(const Chain& chain, std::size_t runs) {
    return {chain.start,
            {chain.runs.begin(), chain.runs.begin() + static_cast<std::ptrdiff_t>(runs)}};
}

std::optional<Digest> KnownRims::find(const Chain& chain, std::size_t runs) const {
    const std::scoped_lock lock(mutex_);
    const auto found = rims_.find(key(chain, runs));
    if (found == rims_.end()) return std::nullopt;
    return found->second;
}

void KnownRims::add(const Chain& chain, std::size_t runs, const Digest& rim) {
    const std::scoped_lock lock(mutex_);
    if (rims_.size() < kMaxKnown) rims_.emplace(key(chain, runs), rim);
}

Result<std::optional<std::size_t>> search_chains(const ChainSearch& search,
                                                 std::vector<Chain>& chains) {
    std::ranges::sort(chains, [](const Chain& a, const Chain& b) {
        return std::tie(a.start, a.runs, a.candidate) < std::tie(b.start, b.runs, b.candidate);
    });
    return Walk(search, chains).run();
}

}  // namespace rvmm::realm
