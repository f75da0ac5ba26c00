#include "realm/plan/fold.hpp"

#include <thread>

#include "measure/page_hasher.hpp"
#include "measure/rim.hpp"

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

/// Where the blobs lie, in their order.
std::vector<IpaRange> blob_ranges(const LaunchPlan& plan) {
    std::vector<IpaRange> ranges;
    for (const Blob& blob : plan.layout().blobs) ranges.push_back(blob.range());
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
        const std::vector<IpaRange> blobs = blob_ranges(plan_);
        const Construction construction{*plan_.profile(), *plan_.spec().realm, blobs};
        for (const PlanStep& step : plan_.steps())
            if (!std::holds_alternative<ActivateStep>(step))
                RVMM_CHECK(fold(step, extensions_of(step, construction)));
        for (const Blob& blob : plan_.layout().blobs) RVMM_CHECK(blob.contents.check_unchanged());
        folded_.rim = rim_.rim();
        return std::move(folded_);
    }

  private:
    Result<> create() {
        FoldedStep step{.kind = Extension::Kind::kCreate, .rim = rim_.rim()};
        Extension extension{.kind = step.kind};
        RVMM_CHECK(extend(extension, step, [&] { return rim_.realm_create(realm_params(plan_)); }));
        folded_.steps.push_back(step);
        return {};
    }

    Result<> fold(const PlanStep& plan_step, const std::vector<ExtensionRun>& runs) {
        FoldedStep step = describe(plan_step);
        if (step.measured) RVMM_CHECK(contents_.start());
        for (const ExtensionRun& run : runs)
            for (std::uint64_t i = 0; i < run.count; ++i) RVMM_CHECK(fold(run, i, step));
        if (step.measured) {
            RVMM_TRY(step.content, contents_.finish());
        }
        step.rim = rim_.rim();
        folded_.steps.push_back(step);
        return {};
    }

    FoldedStep describe(const PlanStep& plan_step) const {
        if (const auto* populate = std::get_if<PopulateStep>(&plan_step)) {
            const Blob& blob = plan_.layout().blobs[populate->blob];
            return {.kind = Extension::Kind::kData,
                    .blob = &blob,
                    .range = blob.range(),
                    .measured = populate->measured};
        }
        if (const auto* rec = std::get_if<CreateRecStep>(&plan_step))
            return {.kind = Extension::Kind::kRec, .rec = rec};
        return {.kind = Extension::Kind::kRipas, .range = std::get<InitRipasStep>(plan_step).range};
    }

    Result<> fold(const ExtensionRun& run, std::uint64_t index, FoldedStep& step) {
        Extension extension{
            .kind = run.kind, .blob = step.blob, .measured = run.measured, .rec = step.rec};
        if (run.kind != Extension::Kind::kRec) extension.range = run.range(index);
        if (run.kind == Extension::Kind::kData) extension.offset = index * run.size;
        if (run.measured) {
            RVMM_TRY(extension.content, next_content());
            RVMM_CHECK(contents_.update(extension.content.bytes()));
        }
        if (run.kind == Extension::Kind::kRec) {
            RVMM_TRY(extension.content, rim_.rec_digest(rec_params(*step.rec)));
        }
        return extend(extension, step, [&] {
            return realm::extend(rim_, run, index, &extension.content, step.rec);
        });
    }

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

    /// The digest of the next granule that is measured.
    Result<Digest> next_content() {
        if (chunk_.empty()) {
            RVMM_TRY(chunk_, pages_.next());
            tell_progress(chunk_.size() * plan_.profile()->page_size);
        }
        const Digest digest = chunk_.front();
        chunk_ = chunk_.subspan(1);
        return digest;
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
    std::span<const Digest> chunk_;  // of pages_, what is left of it
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
    return realm_params(*plan.profile(), *plan.spec().realm);
}

}  // namespace rvmm::realm
