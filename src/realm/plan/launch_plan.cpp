#include "realm/plan/launch_plan.hpp"

#include <algorithm>

namespace rvmm::realm {
namespace {

CreateRecStep rec_step(const Board& board, Ipa entry, Ipa fdt, std::uint32_t index) {
    CreateRecStep step{.index = index,
                       .mpidr = board.cpus[index].mpidr,
                       .runnable = index == 0,
                       .pc = 0,
                       .gprs = {}};
    if (step.runnable) {
        step.pc = entry.value;
        step.gprs[0] = fdt.value;
    }
    return step;
}

void add_recs(std::vector<PlanStep>& steps, const Board& board, Ipa entry, Ipa fdt) {
    for (std::uint32_t i = 0; i < board.cpus.size(); ++i)
        steps.emplace_back(rec_step(board, entry, fdt, i));
}

void add_population(std::vector<PlanStep>& steps, std::size_t blobs, bool measured) {
    for (std::size_t i = 0; i < blobs; ++i)
        steps.emplace_back(PopulateStep{.blob = i, .measured = measured});
}

std::vector<PlanStep> vm_steps(const Board& board, const GuestLayout& layout) {
    std::vector<PlanStep> steps;
    add_population(steps, layout.blobs.size(), false);
    add_recs(steps, board, layout.entry, layout.fdt);
    return steps;
}

bool makes_rec(const PlanStep& step) {
    return std::holds_alternative<CreateRecStep>(step);
}

/// Another VMM's log is not measured. Where the order is that VMM's own, it may come after the
/// RECs; where KVM makes them, it does so after everything is populated.
void settle_log(std::vector<PlanStep>& steps, const Profile& profile, const GuestLayout& layout) {
    const bool late = layout.log_after_recs && profile.order == StepOrder::kRipasPopulateRecs;
    for (auto step = steps.begin(); step != steps.end(); ++step) {
        auto* populate = std::get_if<PopulateStep>(&*step);
        if (populate == nullptr || layout.blobs[populate->blob].kind != Blob::Kind::kLog) continue;
        populate->measured = false;
        if (late) std::rotate(step, step + 1, std::find_if_not(step + 1, steps.end(), makes_rec));
        return;
    }
}

}  // namespace

std::vector<PlanStep> realm_steps(const Profile& profile, const Board& board, std::size_t blobs,
                                  Ipa entry, Ipa fdt) {
    std::vector<PlanStep> steps;
    steps.reserve(blobs + board.cpus.size() + 2);
    const InitRipasStep ripas{.range = board.ram};
    if (profile.order == StepOrder::kRipasPopulateRecs) steps.emplace_back(ripas);
    add_population(steps, blobs, true);
    add_recs(steps, board, entry, fdt);
    if (profile.order == StepOrder::kPopulateRecsRipas) steps.emplace_back(ripas);
    steps.emplace_back(ActivateStep{});
    return steps;
}

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
    plan.steps_ = realm_steps(profile, board, layout.blobs.size(), layout.entry, layout.fdt);
    settle_log(plan.steps_, profile, layout);
    plan.spec_ = std::move(spec);
    plan.profile_ = std::move(profile);
    plan.board_ = std::move(board);
    plan.layout_ = std::move(layout);
    return plan;
}

}  // namespace rvmm::realm
