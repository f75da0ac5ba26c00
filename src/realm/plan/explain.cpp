#include "realm/plan/explain.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "base/text.hpp"
#include "base/version.hpp"
#include "realm/layout/dts.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

/// RTT entries by size, the largest first.
using EntryCounts = std::map<std::uint64_t, std::uint64_t, std::greater<>>;

std::string_view in_words(measure::Rule rule) {
    switch (rule) {
        case measure::Rule::kRmm1:
            return "the parameters and RIPAS are measured (TF-RMM up to v0.8.0)";
        case measure::Rule::kRmm2TfRmm:
            return "the parameters are measured, RIPAS is not (TF-RMM from v0.9.0)";
        case measure::Rule::kRmm2Spec:
            return "neither the parameters nor RIPAS are measured (DEN0137 2.0 drafts)";
    }
    return "";
}

std::string pages(std::uint64_t bytes, std::uint64_t granule) {
    const std::uint64_t count = bytes / granule;
    return fmt::format("{} page{} of {}", count, count == 1 ? "" : "s", format_size(granule));
}

std::string range(const IpaRange& where) {
    return fmt::format("{:#x} to {:#x}", where.base().value, where.top().value);
}

std::string head(const LaunchPlan& plan, const Folded& folded) {
    const Profile& profile = *plan.profile();
    return fmt::format(
        "RIM      {}\nprofile  {}: {}{}\nrule     {}: {}\nhash     {}\n"
        "tool     rvmm {}\n",
        to_hex(folded.rim), profile.name,
        profile.verified ? "verified against a running RMM" : "not verified",
        profile.note.empty() ? "" : fmt::format(" ({})", profile.note),
        measure::to_string(profile.rule), in_words(profile.rule),
        measure::to_string(plan.spec().realm->hash), kVersion);
}

/// A parameter: its name in RmiRealmParams, its value there, what that means, who decided it.
std::string parameter(std::string_view name, std::uint64_t value, std::string_view meaning,
                      std::string_view origin) {
    return fmt::format("     {:<12}  {:<4}  {:<34}  {}\n", name, value, meaning, origin);
}

/// A key of the config, and whether its value is the default.
std::string origin(std::string_view key, bool is_default) {
    return fmt::format("{}{}", key, is_default ? " (default)" : "");
}

std::string counted(unsigned count, std::string_view what) {
    return count == 0 ? fmt::format("no {}", what) : fmt::format("{} {}", count, what);
}

std::string parameters(const LaunchPlan& plan) {
    using P = rmi::RealmParams;
    const rmi::RealmParams params = realm_params(plan);
    const RealmParameters& realm = *plan.spec().realm;
    const RealmParameters defaults;
    const std::string vl =
        realm.sve_vl == 0 ? "no SVE" : fmt::format("SVE vectors of {} bits", realm.sve_vl);
    const std::string flags =
        fmt::format("{}LPA2, {}SVE, {}PMU", plan.profile()->lpa2 ? "" : "no ",
                    realm.sve_vl != 0 ? "" : "no ", realm.pmu_counters != 0 ? "" : "no ");
    const auto counts = [&](std::string_view key, unsigned value, unsigned usual) {
        return origin(key, value == usual) +
               (plan.profile()->sets_breakpoints ? "" : ", has to be the host's");
    };
    return parameter(P::kFlags0.name, params.get(P::kFlags0), flags,
                     "realm.sve_vl, realm.pmu_counters, profile") +
           parameter(P::kS2sz.name, params.get(P::kS2sz), "bits of an address, both halves",
                     origin("realm.ipa_bits", realm.ipa_bits == defaults.ipa_bits)) +
           parameter(P::kSveVl.name, params.get(P::kSveVl), vl,
                     origin("realm.sve_vl", realm.sve_vl == defaults.sve_vl)) +
           parameter(P::kNumBps.name, params.get(P::kNumBps),
                     counted(realm.breakpoints, "breakpoints, minus 1"),
                     counts("realm.breakpoints", realm.breakpoints, defaults.breakpoints)) +
           parameter(P::kNumWps.name, params.get(P::kNumWps),
                     counted(realm.watchpoints, "watchpoints, minus 1"),
                     counts("realm.watchpoints", realm.watchpoints, defaults.watchpoints)) +
           parameter(P::kPmuNumCtrs.name, params.get(P::kPmuNumCtrs),
                     counted(realm.pmu_counters, "PMU counters"),
                     origin("realm.pmu_counters", realm.pmu_counters == defaults.pmu_counters)) +
           parameter(P::kHashAlgo.name, params.get(P::kHashAlgo), measure::to_string(realm.hash),
                     origin("realm.hash", realm.hash == defaults.hash));
}

std::string create(const LaunchPlan& plan) {
    if (plan.profile()->rule == measure::Rule::kRmm2Spec)
        return "the realm is created; its parameters are not measured\n" + parameters(plan);
    return "the realm is created; its parameters are measured\n" + parameters(plan);
}

std::string data(const FoldedStep& step) {
    const Blob& blob = *step.blob;
    std::string text =
        fmt::format("{}, {} at {}\n     {} bytes of {}, then zeros\n", to_string(blob.kind),
                    pages(step.range.size(), blob.granule), range(step.range), blob.contents.size(),
                    printable(blob.source, kShownName));
    if (!step.measured)
        return text + "     of each page the address is measured, not the contents\n";
    return text + fmt::format(
                      "     of each page address and contents are measured; digest over "
                      "all pages\n     {}\n",
                      to_hex(step.content));
}

std::string rec(const LaunchPlan& plan, const FoldedStep& step) {
    const CreateRecStep& made = *step.rec;
    const auto named = [&](std::uint64_t value) -> std::string_view {
        if (value == plan.layout().fdt.value) return " (the device tree)";
        return value == plan.layout().entry.value ? " (the kernel's entry)" : "";
    };
    return fmt::format(
        "vCPU {}, runnable; its flags, PC and X0 to X7 are measured\n"
        "     PC {:#x}{}, X0 {:#x}{}, X1 to X7 zero\n",
        made.index, made.pc, named(made.pc), made.gprs[0], named(made.gprs[0]));
}

std::string ripas(const FoldedStep& step, const EntryCounts& counts) {
    std::string text = fmt::format("RAM at {} gets its RIPAS; ", range(step.range));
    if (step.extensions == 0) return text + "not measured by this rule\n";
    text += "each RTT entry is measured\n     entries: ";
    for (const auto& [size, count] : counts)
        text += fmt::format("{}{} of {}", size == counts.begin()->first ? "" : ", ", count,
                            format_size(size));
    return text + "\n";
}

std::string steps(const LaunchPlan& plan, const Folded& folded, const EntryCounts& counts) {
    std::string text = "\nWhat contributes, in this order:\n";
    std::size_t number = 0;
    std::size_t idle = 0;
    for (const FoldedStep& step : folded.steps) {
        std::string what;
        switch (step.kind) {
            case Extension::Kind::kCreate:
                what = create(plan);
                break;
            case Extension::Kind::kData:
                what = data(step);
                break;
            case Extension::Kind::kRec:
                if (!step.rec->runnable) {
                    ++idle;
                    continue;
                }
                what = rec(plan, step);
                break;
            case Extension::Kind::kRipas:
                what = ripas(step, counts);
                break;
        }
        text += fmt::format("{:>3}. {}", ++number, what);
        if (step.extensions != 0) text += fmt::format("     RIM {}\n", to_hex(step.rim));
    }
    if (idle != 0)
        text += fmt::format("     {} more vCPU{}: not runnable, so not measured\n", idle,
                            idle == 1 ? "" : "s");
    return text;
}

std::string rest(const LaunchPlan& plan) {
    const bool ripas = plan.profile()->rule == measure::Rule::kRmm1;
    return fmt::format(
        "\nWhat does not contribute:\n"
        "     realm.personalization (RPV): reported beside the RIM\n"
        "     machine.vcpus: only through the device tree\n"
        "     machine.memory: only through the device tree{} and where things lie\n"
        "     [[disk]], [[net]] and so on: only through their nodes in the device tree\n"
        "     [host], [serial], names and folders of files, the day, this machine\n",
        ripas ? ", RIPAS" : "");
}

}  // namespace

Result<std::string> explain(const LaunchPlan& plan) {
    EntryCounts counts;
    FoldOptions options;
    options.log = [&counts](const Extension& extension) -> Result<> {
        if (extension.kind == Extension::Kind::kRipas) ++counts[extension.range.size()];
        return {};
    };
    RVMM_TRY(const Folded folded, fold(plan, options));
    std::string text = head(plan, folded) + steps(plan, folded, counts) + rest(plan);
    for (const Blob& blob : plan.layout().blobs) {
        if (blob.kind != Blob::Kind::kFdt) continue;
        RVMM_TRY(const std::string dts, to_dts(blob.contents.source()));
        text += "\nThe device tree:\n\n" + dts;
    }
    return text;
}

}  // namespace rvmm::realm
