#include "realm/plan/profile_text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "base/version.hpp"

namespace rvmm::realm {
namespace {

std::vector<std::string_view> hash_list(const Profile& profile) {
    std::vector<std::string_view> names;
    std::ranges::transform(profile.hashes, std::back_inserter(names),
                           [](measure::Hash hash) { return to_string(hash); });
    return names;
}

/// What else can be asked for, in a config's words.
std::string settings(const Profile& profile) {
    std::vector<std::string_view> names;
    if (profile.sets_personalization) names.push_back("personalization");
    if (profile.sets_pmu) names.push_back("pmu");
    if (profile.sets_breakpoints) names.push_back("breakpoints");
    return names.empty() ? "-" : fmt::format("{}", fmt::join(names, " "));
}

std::string_view yes_or_no(bool yes) {
    return yes ? "yes" : "no";
}

constexpr std::size_t kColumns = 6;
using Line = std::array<std::string, kColumns>;

Line line_of(const Profile& profile) {
    return {profile.name,
            format_size(profile.page_size),
            fmt::format("{}", fmt::join(hash_list(profile), " ")),
            settings(profile),
            std::string(yes_or_no(profile.verified)),
            profile.note};
}

std::string_view ripas_in_words(const Profile& profile) {
    if (profile.rule != measure::Rule::kRmm1) return "not measured";
    return profile.ripas == RipasEntries::kGaps
               ? "gaps: an entry for each block that population left over"
               : "whole-range: all of RAM in the largest blocks";
}

}  // namespace

std::string to_text(std::span<const Profile> rows) {
    std::vector<Line> lines = {{"PROFILE", "PAGE", "HASHES", "CAN ALSO SET", "VERIFIED", "NOTE"}};
    std::ranges::transform(rows, std::back_inserter(lines), line_of);
    std::array<std::size_t, kColumns> widths{};
    for (const Line& line : lines)
        for (std::size_t i = 0; i + 1 < kColumns; ++i)
            widths[i] = std::max(widths[i], line[i].size());
    std::string text;
    for (const Line& line : lines) {
        std::string padded;
        for (std::size_t i = 0; i < kColumns; ++i)
            padded += fmt::format("{:<{}}{}", line[i], widths[i], i + 1 < kColumns ? "  " : "");
        padded.erase(padded.find_last_not_of(' ') + 1);
        text += padded + "\n";
    }
    return text;
}

std::string to_text(const Profile& profile) {
    std::string text;
    const auto line = [&](std::string_view name, std::string_view value) {
        text += fmt::format("{:<15}  {}\n", name, value);
    };
    line("profile", profile.name);
    line("rule", measure::to_string(profile.rule));
    line("host", profile.host);
    line("page size", format_size(profile.page_size));
    line("order", to_string(profile.order));
    line("RIPAS", ripas_in_words(profile));
    line("hashes", fmt::format("{}", fmt::join(hash_list(profile), " ")));
    line("personalization", profile.sets_personalization ? "can be set" : "always zero");
    line("PMU", profile.sets_pmu ? "can be asked for" : "none");
    line("breakpoints",
         profile.sets_breakpoints ? "the config's" : "the host's: it must have as many");
    line("LPA2", yes_or_no(profile.lpa2));
    line("verified", profile.verified ? "yes: a RIM by it equals that of a running RMM" : "no");
    if (!profile.note.empty()) line("note", profile.note);
    return text;
}

std::string to_json(std::span<const Profile> rows) {
    nlohmann::ordered_json document;
    document["tool"] = fmt::format("rvmm {}", kVersion);
    document["profiles"] = nlohmann::ordered_json::array();
    for (const Profile& profile : rows)
        document["profiles"].push_back({{"name", profile.name},
                                        {"rule", measure::to_string(profile.rule)},
                                        {"host", profile.host},
                                        {"page_size", profile.page_size},
                                        {"order", to_string(profile.order)},
                                        {"ripas", to_string(profile.ripas)},
                                        {"hashes", hash_list(profile)},
                                        {"personalization", profile.sets_personalization},
                                        {"pmu", profile.sets_pmu},
                                        {"breakpoints", profile.sets_breakpoints},
                                        {"lpa2", profile.lpa2},
                                        {"verified", profile.verified},
                                        {"note", profile.note}});
    return document.dump(2) + "\n";
}

}  // namespace rvmm::realm
