#include "realm/plan/profile.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "base/text.hpp"

namespace rvmm::realm {
namespace {

using measure::Hash;

// One host ABI revision: what the rows of all rules and page sizes have in common.
struct Host {
    const char* name;
    std::vector<measure::Rule> rules;
    bool any_page_size;  // the granule is the host's page; else 4 KiB
    Profile common;
};

std::vector<Host> hosts() {
    const std::vector<measure::Rule> rmm1 = {measure::Rule::kRmm1};
    const std::vector<measure::Rule> rmm2 = {measure::Rule::kRmm2TfRmm, measure::Rule::kRmm2Spec};
    const std::vector<Hash> all = {Hash::kSha256, Hash::kSha384, Hash::kSha512};
    return {
        {"kvm-v14", rmm2, true, {.verified = true}},
        {"kvm-v15", rmm2, true, {.note = "by report the sequence of v14"}},
        {"kvm-v13",
         {measure::Rule::kRmm2TfRmm},
         true,
         {.note = "whether its RMM measured RIPAS is unknown"}},
        {"kvm-v12", rmm1, false, {.sets_pmu = true, .verified = true}},
        {"kvm-v10",
         rmm1,
         false,
         {.order = StepOrder::kRipasPopulateRecs,
          .ripas = RipasEntries::kWholeRange,
          .hashes = {Hash::kSha256, Hash::kSha512},
          .sets_personalization = true,
          .sets_pmu = true,
          .verified = true,
          .note = "also v5 to v11; the order is the VMM's"}},
        {"emulated",
         {measure::Rule::kRmm2TfRmm},
         false,
         {.hashes = all,
          .sets_personalization = true,
          .sets_pmu = true,
          .sets_breakpoints = true,
          .verified = true,
          .note = "rvmm's software RMM, in the order of v14"}},
    };
}

Profile row(const Host& host, measure::Rule rule, std::uint64_t page_size) {
    Profile profile = host.common;
    profile.rule = rule;
    profile.host = host.name;
    profile.page_size = page_size;
    profile.name = host.name;
    if (profile.name != "emulated")
        profile.name = fmt::format("{} + {}", measure::to_string(rule), host.name);
    if (page_size != kPageSize4K) {
        profile.name += fmt::format(" + {}k", page_size >> 10);
        profile.verified = false;
        profile.note = "no public RMM has this granule";
    }
    if (rule == measure::Rule::kRmm2Spec) {
        profile.verified = false;
        profile.note = "the draft's text; no public RMM seen doing it";
    }
    return profile;
}

std::vector<Profile> all_rows() {
    constexpr std::array<std::uint64_t, 3> kPageSizes = {kPageSize4K, 16U << 10, 64U << 10};
    std::vector<Profile> rows;
    for (const std::uint64_t page_size : kPageSizes)
        for (const Host& host : hosts())
            for (const measure::Rule rule : host.rules)
                if (page_size == kPageSize4K || host.any_page_size)
                    rows.push_back(row(host, rule, page_size));
    return rows;
}

/// A parameter that not every profile can set.
struct Ability {
    std::string parameter;
    bool wanted;
    std::function<bool(const Profile&)> able;
};

std::vector<Ability> abilities(const RealmParameters& p) {
    const bool personal =
        std::ranges::any_of(p.personalization, [](std::byte b) { return b != std::byte{0}; });
    return {
        {fmt::format("realm.hash {}", to_string(p.hash)), p.hash != Hash::kSha256,
         [&p](const Profile& row) {
             return std::ranges::find(row.hashes, p.hash) != row.hashes.end();
         }},
        {"realm.personalization", personal,
         [](const Profile& row) { return row.sets_personalization; }},
        {fmt::format("realm.pmu_counters {}", p.pmu_counters), p.pmu_counters != 0,
         [](const Profile& row) { return row.sets_pmu; }},
    };
}

}  // namespace

std::string_view to_string(StepOrder order) {
    return order == StepOrder::kPopulateRecsRipas ? "populate, recs, ripas"
                                                  : "ripas, populate, recs";
}

std::string_view to_string(RipasEntries entries) {
    return entries == RipasEntries::kGaps ? "gaps" : "whole-range";
}

const ProfileTable& ProfileTable::built_in() {
    static const ProfileTable table(all_rows());
    return table;
}

Result<const Profile*> ProfileTable::find(std::string_view name) const {
    std::vector<std::string_view> known;
    for (const Profile& profile : rows_) {
        if (profile.name == name) return &profile;
        known.push_back(profile.name);
    }
    for (const Profile& profile : rows_) {
        if (profile.host == name) return &profile;
        known.push_back(profile.host);
    }
    const auto guess = nearest(name, known);
    return fail(Stage::kConfig, "there is no profile \"{}\"{} (rvmm profiles lists them)", name,
                guess ? fmt::format(", did you mean \"{}\"?", *guess) : "");
}

Result<> ProfileTable::check(const Profile& profile, const RealmParameters& parameters) const {
    for (const Ability& ability : abilities(parameters)) {
        if (!ability.wanted || ability.able(profile)) continue;
        std::string able;
        for (const Profile& other : rows_)
            if (ability.able(other))
                able += fmt::format("{}\"{}\"", able.empty() ? "" : ", ", other.name);
        return fail(Stage::kConfig, "profile \"{}\" cannot set {}; profiles that can: {}",
                    profile.name, ability.parameter, able.empty() ? "none" : able);
    }
    return {};
}

}  // namespace rvmm::realm
