#include "realm/plan/launch_plan.hpp"

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

void add_recs(std::vector<PlanStep>& steps, const Board& board, const GuestLayout& layout) {
    for (std::uint32_t i = 0; i < board.cpus.size(); ++i)
        steps.emplace_back(rec_step(board, layout, i));
}

void add_population(std::vector<PlanStep>& steps, const GuestLayout& layout, bool measured) {
    for (std::size_t i = 0; i < layout.blobs.size(); ++i)
        if (layout.blobs[i].kind != Blob::Kind::kLog)
            steps.emplace_back(PopulateStep{.blob = i, .measured = measured});
}

void add_log(std::vector<PlanStep>& steps, const GuestLayout& layout) {
    for (std::size_t i = 0; i < layout.blobs.size(); ++i)
        if (layout.blobs[i].kind == Blob::Kind::kLog)
            steps.emplace_back(PopulateStep{.blob = i, .measured = false});
}

std::vector<PlanStep> realm_steps(const Profile& profile, const Board& board,
                                  const GuestLayout& layout) {
    std::vector<PlanStep> steps;
    const InitRipasStep ripas{.range = board.ram};
    if (profile.order == StepOrder::kRipasPopulateRecs) steps.emplace_back(ripas);
    add_population(steps, layout, true);
    // Where KVM makes the RECs itself, it does so after everything is populated.
    const bool log_last = layout.log_after_recs && profile.order == StepOrder::kRipasPopulateRecs;
    if (!log_last) add_log(steps, layout);
    add_recs(steps, board, layout);
    if (log_last) add_log(steps, layout);
    if (profile.order == StepOrder::kPopulateRecsRipas) steps.emplace_back(ripas);
    steps.emplace_back(ActivateStep{});
    return steps;
}

std::vector<PlanStep> vm_steps(const Board& board, const GuestLayout& layout) {
    std::vector<PlanStep> steps;
    add_population(steps, layout, false);
    add_recs(steps, board, layout);
    return steps;
}

}  // namespace

Result<LaunchPlan> LaunchPlan::create(RealmSpec spec, const PlanOptions& options) {
    const ProfileTable& profiles =
        options.profiles != nullptr ? *options.profiles : ProfileTable::built_in();
    LayoutOptions layout_options{.reading = options.reading};
    const Profile* profile = nullptr;
    if (spec.realm) {
        auto found = profiles.find(spec.realm->profile);
        if (!found) return std::unexpected(std::move(found).error().with_context("realm.profile"));
        profile = *found;
        RVMM_CHECK(profiles.check(*profile, *spec.realm));
        layout_options.granule = profile->page_size;
    }
    RVMM_TRY(Board board, make_board(spec));
    RVMM_TRY(GuestLayout layout, make_layout(spec, board, layout_options));
    if (profile != nullptr)
        return of_layout(std::move(spec), *profile, std::move(board), std::move(layout));
    LaunchPlan plan;
    plan.steps_ = vm_steps(board, layout);
    plan.spec_ = std::move(spec);
    plan.board_ = std::move(board);
    plan.layout_ = std::move(layout);
    return plan;
}

LaunchPlan LaunchPlan::of_layout(RealmSpec spec, Profile profile, Board board, GuestLayout layout) {
    LaunchPlan plan;
    plan.steps_ = realm_steps(profile, board, layout);
    plan.spec_ = std::move(spec);
    plan.profile_ = std::move(profile);
    plan.board_ = std::move(board);
    plan.layout_ = std::move(layout);
    return plan;
}

}  // namespace rvmm::realm
