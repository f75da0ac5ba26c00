#include "realm/plan/measurement.hpp"

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"
#include "base/version.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

DataMeasured data_of(const FoldedStep& step) {
    const Blob& blob = *step.blob;
    return {.what = std::string(to_string(blob.kind)),
            .source = std::filesystem::path(blob.source).filename().native(),
            .base = step.range.base(),
            .size = step.range.size(),
            .source_size = blob.source_size(),
            .granule = blob.granule,
            .measured = step.measured,
            .content = step.content};
}

MeasuredStep measured(const FoldedStep& step) {
    MeasuredStep made{.rim = step.rim};
    switch (step.kind) {
        case Extension::Kind::kCreate:
            made.what = CreateMeasured{};
            break;
        case Extension::Kind::kData:
            made.what = data_of(step);
            break;
        case Extension::Kind::kRec:
            made.what = RecMeasured{.index = step.rec->index,
                                    .runnable = step.rec->runnable,
                                    .pc = step.rec->pc,
                                    .x0 = step.rec->gprs[0]};
            break;
        case Extension::Kind::kRipas:
            made.what = RipasMeasured{.range = step.range, .entries = step.extensions};
            break;
    }
    return made;
}

std::string to_text(const MeasuredParameters& p) {
    return fmt::format("flags0 {:#x}, s2sz {}, sve_vl {}, num_bps {}, num_wps {}, pmu_num_ctrs {}",
                       p.flags0, p.s2sz, p.sve_vl, p.num_bps, p.num_wps, p.pmu_num_ctrs);
}

std::string to_text(const DataMeasured& data) {
    const std::uint64_t pages = data.size / data.granule;
    return fmt::format("  {:<7} {:#x}  {} page{} of {}, {} bytes of {}{}\n",
                       printable(data.what, kShownName), data.base.value, pages,
                       pages == 1 ? "" : "s", format_size(data.granule), data.source_size,
                       printable(data.source, kShownName),
                       data.measured ? "" : " (only the addresses are measured)");
}

std::string to_text(const RipasMeasured& ripas) {
    const std::string range =
        fmt::format("{:#x} to {:#x}", ripas.range.base().value, ripas.range.top().value);
    if (ripas.entries == 0) return fmt::format("  ripas   {}, not measured by this rule\n", range);
    return fmt::format("  ripas   {}, {} RTT entries\n", range, ripas.entries);
}

/// The contributions, at most `limit` lines.
std::string contributions(const std::vector<MeasuredStep>& steps, std::size_t limit) {
    std::vector<std::string> lines;
    std::size_t idle = 0;  // RECs that are not runnable
    for (const MeasuredStep& step : steps) {
        if (const auto* data = std::get_if<DataMeasured>(&step.what))
            lines.push_back(to_text(*data));
        if (const auto* ripas = std::get_if<RipasMeasured>(&step.what))
            lines.push_back(to_text(*ripas));
        const auto* rec = std::get_if<RecMeasured>(&step.what);
        if (rec != nullptr && rec->runnable)
            lines.push_back(
                fmt::format("  vcpu {:<2} pc {:#x}, x0 {:#x}\n", rec->index, rec->pc, rec->x0));
        idle += rec != nullptr && !rec->runnable ? 1 : 0;
    }
    if (idle != 0) lines.push_back(fmt::format("  {} more vCPUs, not measured\n", idle));
    std::string text;
    const std::size_t shown = lines.size() > limit ? limit - 1 : lines.size();
    for (std::size_t i = 0; i < shown; ++i) text += lines[i];
    if (shown < lines.size()) text += fmt::format("  and {} more\n", lines.size() - shown);
    return text;
}

}  // namespace

MeasuredParameters measured_parameters(const rmi::RealmParams& params) {
    using P = rmi::RealmParams;
    return {.flags0 = params.get(P::kFlags0),
            .s2sz = params.get(P::kS2sz),
            .sve_vl = params.get(P::kSveVl),
            .num_bps = params.get(P::kNumBps),
            .num_wps = params.get(P::kNumWps),
            .pmu_num_ctrs = params.get(P::kPmuNumCtrs),
            .hash_algo = params.get(P::kHashAlgo)};
}

Measurement make_measurement(const LaunchPlan& plan, const Folded& folded) {
    const RealmParameters& realm = *plan.spec().realm;
    const Profile& profile = *plan.profile();
    Measurement made{.tool = fmt::format("rvmm {}", kVersion),
                     .profile = profile.name,
                     .rule = profile.rule,
                     .verified = profile.verified,
                     .note = profile.note,
                     .hash = realm.hash,
                     .rim = folded.rim,
                     .personalization = realm.personalization,
                     .parameters = measured_parameters(realm_params(plan))};
    made.rems.fill(measure::Digest(realm.hash));
    for (const FoldedStep& step : folded.steps) made.steps.push_back(measured(step));
    for (const Blob& blob : plan.layout().blobs) {
        if (blob.kind != Blob::Kind::kFdt) continue;
        const ByteSpan source = blob.contents.source();
        made.fdt.assign(source.begin(), source.end());
    }
    return made;
}

std::string to_text(const Measurement& m) {
    std::string text =
        fmt::format("RIM         {}\nprofile     {}{}{}\nhash        {}\n", to_hex(m.rim),
                    m.profile, m.verified ? "" : ", not verified",
                    m.note.empty() ? "" : fmt::format(" ({})", m.note), measure::to_string(m.hash));
    text += fmt::format("parameters  {}{}\n", to_text(m.parameters),
                        m.rule == measure::Rule::kRmm2Spec ? " (not measured by this rule)" : "");
    if (std::ranges::any_of(m.personalization, [](std::byte b) { return b != std::byte{0}; }))
        text += fmt::format("RPV         {} (not measured)\n", to_hex(ByteSpan(m.personalization)));
    text += fmt::format("measured by rule {} in this order ({}):\n", measure::to_string(m.rule),
                        printable(m.tool, kShownName));
    return text + contributions(m.steps, 16);
}

}  // namespace rvmm::realm
