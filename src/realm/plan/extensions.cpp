#include "realm/plan/extensions.hpp"

#include <algorithm>

#include "realm/plan/ripas_entries.hpp"

namespace rvmm::realm {
namespace {

/// Where memory is populated, measured or not: ascending.
std::vector<IpaRange> ascending(std::span<const IpaRange> blobs) {
    std::vector<IpaRange> ranges(blobs.begin(), blobs.end());
    std::ranges::sort(ranges, {}, &IpaRange::base);
    return ranges;
}

/// One visitor over the steps.
struct ExtensionsOf {
    const Construction& realm;

    std::vector<ExtensionRun> operator()(const PopulateStep& step) const {
        const IpaRange& range = realm.blobs[step.blob];
        const std::uint64_t granule = realm.profile.page_size;
        if (range.empty()) return {};
        return {{.kind = ExtensionKind::kData,
                 .measured = step.measured,
                 .content = step.blob,
                 .base = range.base(),
                 .size = granule,
                 .count = range.size() / granule}};
    }

    std::vector<ExtensionRun> operator()(const CreateRecStep& step) const {
        if (!step.runnable) return {};
        return {{.kind = ExtensionKind::kRec}};
    }

    std::vector<ExtensionRun> operator()(const InitRipasStep& step) const {
        if (realm.profile.rule != measure::Rule::kRmm1) return {};
        const std::vector<RipasRun> entries =
            realm.profile.ripas == RipasEntries::kWholeRange
                ? ripas_of_call(realm.realm.ipa_bits, step.range)
                : ripas_of_slot(realm.realm.ipa_bits, step.range, ascending(realm.blobs));
        std::vector<ExtensionRun> runs;
        runs.reserve(entries.size());
        for (const RipasRun& run : entries)
            runs.push_back({.kind = ExtensionKind::kRipas,
                            .base = run.range.base(),
                            .size = run.entry_size,
                            .count = run.range.size() / run.entry_size});
        return runs;
    }

    std::vector<ExtensionRun> operator()(const ActivateStep&) const { return {}; }
};

}  // namespace

std::vector<ExtensionRun> extensions_of(const PlanStep& step, const Construction& construction) {
    return std::visit(ExtensionsOf{construction}, step);
}

Result<> extend(measure::RimExtender& rim, const ExtensionRun& run, std::uint64_t index,
                const measure::Digest* content, const CreateRecStep* rec) {
    switch (run.kind) {
        case ExtensionKind::kData:
            if (!run.measured) return rim.data_unmeasured(run.range(index).base());
            if (content != nullptr) return rim.data_digest(run.range(index).base(), *content);
            break;
        case ExtensionKind::kRec:
            if (rec != nullptr) return rim.rec(rec_params(*rec));
            break;
        case ExtensionKind::kRipas:
            return rim.ripas(run.range(index));
        case ExtensionKind::kCreate:
            break;
    }
    return fail(Stage::kInternal, "an extension lacks what it is made of");
}

rmi::RealmParams realm_params(const Profile& profile, const RealmParameters& realm) {
    using P = rmi::RealmParams;
    P params;
    params.set(P::kFlags0, (profile.lpa2 ? P::kFlagLpa2 : 0) |
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
