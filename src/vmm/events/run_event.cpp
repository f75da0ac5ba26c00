#include "vmm/events/run_event.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/json_fields.hpp"
#include "base/overloaded.hpp"
#include "measure/hash.hpp"

namespace rvmm::vmm {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array<std::string_view, 8> kPhaseNames = {
    "config", "layout", "measure", "host", "lab", "populate", "guest", "shutdown"};
constexpr std::array<std::string_view, 4> kMilestoneNames = {"first_entry", "first_console_byte",
                                                             "first_conversion", "ready"};
// What a run in a lab can be on.
constexpr std::array<std::string_view, 3> kLabsHosts = {"vm", "emulated", "cca"};
constexpr std::uint64_t kAnyNumber = std::numeric_limits<std::uint64_t>::max();

template <class Enum, std::size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view name) {
    for (std::size_t i = 0; i < N; ++i)
        if (names[i] == name) return static_cast<Enum>(i);
    return std::nullopt;
}

std::optional<std::string> text_member(const json& object, const char* key) {
    auto text = as_text(member(object, key));
    if (text && text->size() > kMaxEventText) text->resize(kMaxEventText);
    return text;
}

bool is_digest(std::string_view text) {
    const auto digest = measure::Digest::from_hex(text);
    return digest && !digest->empty() && to_hex(*digest) == text;
}

std::optional<RunEvent> parse_phase(const json& object) {
    const auto name = text_member(object, "phase");
    const auto phase = name ? named<Phase>(kPhaseNames, *name) : std::nullopt;
    if (!phase) return std::nullopt;
    return PhaseEvent{*phase};
}

std::optional<RunEvent> parse_progress(const json& object) {
    const auto done = as_unsigned(member(object, "done"), kAnyNumber);
    const auto total = as_unsigned(member(object, "total"), kAnyNumber);
    if (!done || !total || *done > *total) return std::nullopt;
    return ProgressEvent{*done, *total};
}

std::optional<RunEvent> parse_measured(const json& object) {
    auto profile = text_member(object, "profile");
    auto hash = text_member(object, "hash");
    auto rim = text_member(object, "rim");
    if (!profile || !hash || !rim || !is_digest(*rim) || !measure::parse_hash(*hash))
        return std::nullopt;
    return MeasuredEvent{*std::move(profile), *std::move(hash), *std::move(rim)};
}

std::optional<RunEvent> parse_host(const json& object) {
    auto host = text_member(object, "host");
    const json* emulated = member(object, "emulated");
    if (!host || std::ranges::find(kLabsHosts, *host) == kLabsHosts.end() || emulated == nullptr ||
        !emulated->is_boolean())
        return std::nullopt;
    return HostEvent{*std::move(host), emulated->get<bool>(),
                     text_member(object, "revision").value_or("")};
}

}  // namespace

std::string_view to_string(Phase phase) {
    return kPhaseNames[static_cast<std::size_t>(phase)];
}

ordered_json to_json(const RunEvent& event) {
    ordered_json json;
    const auto say = [&](std::string_view name) { json["event"] = name; };
    std::visit(Overloaded{[&](const PhaseEvent& phase) {
                              say("phase");
                              json["phase"] = to_string(phase.phase);
                          },
                          [&](const ProgressEvent& progress) {
                              say("progress");
                              json["done"] = progress.done;
                              json["total"] = progress.total;
                          },
                          [&](const MeasuredEvent& measured) {
                              say("measured");
                              json["profile"] = measured.profile;
                              json["hash"] = measured.hash;
                              json["rim"] = measured.rim;
                          },
                          [&](const HostEvent& host) {
                              say("host");
                              json["host"] = host.host;
                              json["emulated"] = host.emulated;
                              if (!host.revision.empty()) json["revision"] = host.revision;
                          },
                          [&](const MilestoneEvent& milestone) {
                              say(kMilestoneNames[static_cast<std::size_t>(milestone.milestone)]);
                          },
                          [&](const PanicEvent& panic) {
                              say("panic");
                              json["detail"] = panic.detail;
                          },
                          [&](const WarningEvent& warning) {
                              say("warning");
                              json["text"] = warning.text;
                          }},
               event);
    return json;
}

std::optional<RunEvent> parse_run_event(std::string_view line) {
    const auto object = parse_object(line);
    if (!object) return std::nullopt;
    const auto name = text_member(*object, "event");
    if (!name) return std::nullopt;
    if (const auto milestone = named<Milestone>(kMilestoneNames, *name))
        return MilestoneEvent{*milestone};
    if (*name == "phase") return parse_phase(*object);
    if (*name == "progress") return parse_progress(*object);
    if (*name == "measured") return parse_measured(*object);
    if (*name == "host") return parse_host(*object);
    if (*name == "panic") return PanicEvent{text_member(*object, "detail").value_or("")};
    if (*name == "warning") return WarningEvent{text_member(*object, "text").value_or("")};
    return std::nullopt;
}

std::optional<RunFailure> parse_failure(std::string_view line) {
    const auto object = parse_object(line);
    if (!object || text_member(*object, "event") != "end") return std::nullopt;
    auto error = text_member(*object, "error");
    if (!error) return std::nullopt;
    return RunFailure{*std::move(error), text_member(*object, "advice").value_or("")};
}

}  // namespace rvmm::vmm
