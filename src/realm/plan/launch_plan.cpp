#include "realm/plan/launch_plan.hpp"

#include "measure/rim.hpp"
#include "realm/plan/profile.hpp"

namespace rvmm::realm {
namespace {

CreateRecStep rec_step(const Board& board, const GuestLayout& layout, std::uint32_t index) {
    CreateRecStep step{.index = index,
                       .mpidr = board.cpus[index].mpidr,
                       .runnable = index == 0,
                       .pc = 0,
                       .gprs = {}};
    if (step.runnable) {
        step.pc = layout.entry.value;
        step.gprs[0] = layout.fdt.value;
    }
    return step;
}

/// The order of KVM v14: pages as they are populated, then the RECs, then RIPAS of all RAM. It is
/// the emulated profile's too, and ordinary VMs have the part of it that they need.
std::vector<PlanStep> order_steps(bool is_realm, const Board& board, const GuestLayout& layout) {
    std::vector<PlanStep> steps;
    steps.reserve(layout.blobs.size() + board.cpus.size() + 2);
    for (std::size_t i = 0; i < layout.blobs.size(); ++i)
        steps.emplace_back(PopulateStep{.blob = i, .measured = is_realm});
    for (std::uint32_t i = 0; i < board.cpus.size(); ++i)
        steps.emplace_back(rec_step(board, layout, i));
    if (is_realm) {
        steps.emplace_back(InitRipasStep{.range = board.ram});
        steps.emplace_back(ActivateStep{});
    }
    return steps;
}

rmi::RealmParams realm_params(const RealmParameters& realm) {
    using P = rmi::RealmParams;
    P params;
    params.set(P::kFlags0,
               (realm.sve_vl != 0 ? P::kFlagSve : 0) | (realm.pmu_counters != 0 ? P::kFlagPmu : 0));
    params.set(P::kS2sz, realm.ipa_bits);
    params.set(P::kSveVl, realm.sve_vl != 0 ? realm.sve_vl / 128 - 1 : 0);
    params.set(P::kNumBps, realm.breakpoints - 1);
    params.set(P::kNumWps, realm.watchpoints - 1);
    params.set(P::kPmuNumCtrs, realm.pmu_counters);
    params.set(P::kHashAlgo, static_cast<std::uint8_t>(realm.hash));
    params.set(P::kRpv, realm.personalization);
    return params;
}

/// Extends a RIM with what a step measures; blobs are those of the plan's layout.
class StepFolder {
  public:
    StepFolder(measure::RimExtender& rim, const std::vector<Blob>& blobs)
        : rim_(rim), blobs_(blobs) {}

    Result<> operator()(const PopulateStep& step) const {
        const Blob& blob = blobs_[step.blob];
        const ByteSpan bytes(blob.bytes);
        for (std::uint64_t offset = 0; offset < bytes.size();
             offset += measure::kMeasuredPageSize) {
            const Ipa ipa = blob.base + offset;
            const ByteSpan page = bytes.subspan(offset, measure::kMeasuredPageSize);
            RVMM_CHECK(step.measured ? rim_.data(ipa, page) : rim_.data_unmeasured(ipa));
        }
        return {};
    }
    Result<> operator()(const CreateRecStep& step) const {
        using P = rmi::RecParams;
        P params;
        params.set(P::kFlags, step.runnable ? P::kFlagRunnable : 0);
        params.set(P::kMpidr, step.mpidr);
        params.set(P::kPc, step.pc);
        for (std::size_t i = 0; i < step.gprs.size(); ++i) params.set(P::kGprs, step.gprs[i], i);
        return rim_.rec(params);
    }
    Result<> operator()(const InitRipasStep&) const { return {}; }
    Result<> operator()(const ActivateStep&) const { return {}; }

  private:
    measure::RimExtender& rim_;
    const std::vector<Blob>& blobs_;
};

}  // namespace

Result<LaunchPlan> LaunchPlan::create(RealmSpec spec) {
    LaunchPlan plan;
    if (spec.realm) {
        RVMM_TRY(plan.profile_, find_profile(spec.realm->profile));
        RVMM_CHECK(check_parameters(*plan.profile_, *spec.realm));
    }
    RVMM_TRY(plan.board_, make_board(spec));
    RVMM_TRY(plan.layout_, make_layout(spec, plan.board_));
    plan.steps_ = order_steps(spec.realm.has_value(), plan.board_, plan.layout_);
    plan.spec_ = std::move(spec);
    return plan;
}

Result<measure::Digest> fold_rim(const LaunchPlan& plan) {
    const std::optional<RealmParameters>& realm = plan.spec().realm;
    if (!realm) return fail(Stage::kInternal, "an ordinary VM has no measurement");
    measure::RimExtender rim(plan.profile()->rule, realm->hash);
    RVMM_CHECK(rim.realm_create(realm_params(*realm)));
    const StepFolder fold(rim, plan.layout().blobs);
    for (const PlanStep& step : plan.steps()) RVMM_CHECK(std::visit(fold, step));
    return rim.rim();
}

}  // namespace rvmm::realm
