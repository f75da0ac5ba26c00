#include "realm/plan/fold.hpp"

#include <algorithm>
#include <thread>

#include "measure/page_hasher.hpp"
#include "measure/rim.hpp"
#include "realm/plan/ripas_entries.hpp"

namespace rvmm::realm {
namespace {

using measure::Digest;

constexpr std::uint64_t kProgressStep = 16ULL << 20;  // bytes

/// The contents that are hashed, in the order in which the plan measures them.
std::vector<ByteSpan> measured_runs(const LaunchPlan& plan) {
    std::vector<ByteSpan> runs;
    for (const PlanStep& step : plan.steps())
        if (const auto* populate = std::get_if<PopulateStep>(&step); populate && populate->measured)
            runs.push_back(plan.layout().blobs[populate->blob].bytes());
    return runs;
}

/// Where memory is populated, measured or not: ascending.
std::vector<IpaRange> populated_ranges(const LaunchPlan& plan) {
    std::vector<IpaRange> ranges;
    for (const Blob& blob : plan.layout().blobs) ranges.push_back(blob.range());
    std::ranges::sort(ranges, {}, &IpaRange::base);
    return ranges;
}

/// One fold under way.
class Folder {
  public:
    Folder(const LaunchPlan& plan, const FoldOptions& options, unsigned threads)
        : plan_(plan),
          options_(options),
          rim_(plan.profile()->rule, plan.spec().realm->hash),
          contents_(plan.spec().realm->hash),
          pages_(plan.spec().realm->hash, measured_runs(plan), plan.profile()->page_size, threads) {
        for (const ByteSpan run : measured_runs(plan)) total_ += run.size();
    }

    Result<Folded> run() {
        RVMM_CHECK(create());
        for (const PlanStep& step : plan_.steps())
            RVMM_CHECK(std::visit([this](const auto& s) { return fold(s); }, step));
        for (const Blob& blob : plan_.layout().blobs) RVMM_CHECK(blob.contents.check_unchanged());
        folded_.rim = rim_.rim();
        return std::move(folded_);
    }

  private:
    /// Does `extend` to the RIM and tells the log. `extension` says what it is.
    template <class Extend>
    Result<> extend(Extension& extension, FoldedStep& step, Extend extend) {
        extension.before = rim_.rim();
        RVMM_CHECK(extend());
        extension.after = rim_.rim();
        step.rim = extension.after;
        ++step.extensions;
        return options_.log ? options_.log(extension) : Result<>();
    }

    Result<> create() {
        FoldedStep step{.kind = Extension::Kind::kCreate, .rim = rim_.rim()};
        Extension extension{.kind = step.kind};
        RVMM_CHECK(extend(extension, step, [&] { return rim_.realm_create(realm_params(plan_)); }));
        folded_.steps.push_back(step);
        return {};
    }

    Result<> fold(const PopulateStep& populate) {
        const Blob& blob = plan_.layout().blobs[populate.blob];
        FoldedStep step{.kind = Extension::Kind::kData,
                        .blob = &blob,
                        .range = blob.range(),
                        .measured = populate.measured};
        if (populate.measured)
            RVMM_CHECK(fold_measured(blob, step));
        else
            RVMM_CHECK(fold_unmeasured(blob, step));
        folded_.steps.push_back(step);
        return {};
    }

    Result<> fold_measured(const Blob& blob, FoldedStep& step) {
        Extension extension{.kind = step.kind, .blob = &blob, .measured = true};
        RVMM_CHECK(contents_.start());
        while (extension.offset < blob.bytes().size()) {
            RVMM_TRY(const auto chunk, pages_.next());
            for (const Digest& digest : chunk) {
                RVMM_CHECK(contents_.update(digest.bytes()));
                extension.range = *IpaRange::make(blob.base + extension.offset, blob.granule);
                extension.content = digest;
                RVMM_CHECK(extend(extension, step, [&] {
                    return rim_.data_digest(extension.range.base(), digest);
                }));
                extension.offset += blob.granule;
            }
            tell_progress(chunk.size() * blob.granule);
        }
        RVMM_TRY(step.content, contents_.finish());
        return {};
    }

    Result<> fold_unmeasured(const Blob& blob, FoldedStep& step) {
        Extension extension{.kind = step.kind, .blob = &blob};
        for (; extension.offset < blob.bytes().size(); extension.offset += blob.granule) {
            extension.range = *IpaRange::make(blob.base + extension.offset, blob.granule);
            RVMM_CHECK(extend(extension, step,
                              [&] { return rim_.data_unmeasured(extension.range.base()); }));
        }
        return {};
    }

    Result<> fold(const CreateRecStep& rec) {
        FoldedStep step{.kind = Extension::Kind::kRec, .rec = &rec, .rim = rim_.rim()};
        Extension extension{.kind = step.kind, .rec = &rec};
        if (rec.runnable)
            RVMM_CHECK(extend(extension, step, [&] { return rim_.rec(rec_params(rec)); }));
        folded_.steps.push_back(step);
        return {};
    }

    Result<> fold(const InitRipasStep& ripas) {
        FoldedStep step{.kind = Extension::Kind::kRipas, .range = ripas.range, .rim = rim_.rim()};
        for (const RipasRun& run : entries_of(ripas))
            RVMM_CHECK(for_each_entry(run, [&](const IpaRange& entry) {
                Extension extension{.kind = step.kind, .range = entry};
                return extend(extension, step, [&] { return rim_.ripas(entry); });
            }));
        folded_.steps.push_back(step);
        return {};
    }

    static Result<> fold(const ActivateStep&) { return {}; }

    std::vector<RipasRun> entries_of(const InitRipasStep& ripas) const {
        if (plan_.profile()->rule != measure::Rule::kRmm1) return {};
        const unsigned ipa_bits = plan_.spec().realm->ipa_bits;
        if (plan_.profile()->ripas == RipasEntries::kWholeRange)
            return ripas_of_call(ipa_bits, ripas.range);
        return ripas_of_slot(ipa_bits, ripas.range, populated_ranges(plan_));
    }

    void tell_progress(std::uint64_t bytes) {
        done_ += bytes;
        if (!options_.progress || (done_ < told_ + kProgressStep && done_ != total_)) return;
        told_ = done_;
        options_.progress(done_, total_);
    }

    const LaunchPlan& plan_;
    const FoldOptions& options_;
    measure::RimExtender rim_;
    measure::Hasher contents_;
    measure::PageHasher pages_;
    Folded folded_;
    std::uint64_t done_ = 0, told_ = 0, total_ = 0;
};

}  // namespace

Result<Folded> fold(const LaunchPlan& plan, const FoldOptions& options) {
    if (!plan.is_realm()) return fail(Stage::kInternal, "an ordinary VM has no measurement");
    const unsigned threads =
        options.threads != 0 ? options.threads : std::thread::hardware_concurrency();
    return Folder(plan, options, threads).run();
}

Result<measure::Digest> fold_rim(const LaunchPlan& plan) {
    RVMM_TRY(const Folded folded, fold(plan));
    return folded.rim;
}

rmi::RealmParams realm_params(const LaunchPlan& plan) {
    using P = rmi::RealmParams;
    const RealmParameters& realm = *plan.spec().realm;
    P params;
    params.set(P::kFlags0, (plan.profile()->lpa2 ? P::kFlagLpa2 : 0) |
                               (realm.sve_vl != 0 ? P::kFlagSve : 0) |
                               (realm.pmu_counters != 0 ? P::kFlagPmu : 0));
    params.set(P::kS2sz, realm.ipa_bits);
    params.set(P::kSveVl, realm.sve_vl != 0 ? realm.sve_vl / 128 - 1 : 0);
    params.set(P::kNumBps, realm.breakpoints - 1);
    params.set(P::kNumWps, realm.watchpoints - 1);
    params.set(P::kPmuNumCtrs, realm.pmu_counters);
    params.set(P::kHashAlgo, static_cast<std::uint8_t>(realm.hash));
    params.set(P::kRpv, realm.personalization);
    return params;
}

rmi::RecParams rec_params(const CreateRecStep& step) {
    using P = rmi::RecParams;
    P params;
    params.set(P::kFlags, step.runnable ? P::kFlagRunnable : 0);
    params.set(P::kMpidr, step.mpidr);
    params.set(P::kPc, step.pc);
    for (std::size_t i = 0; i < step.gprs.size(); ++i) params.set(P::kGprs, step.gprs[i], i);
    return params;
}

}  // namespace rvmm::realm
