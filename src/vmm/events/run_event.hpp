// What `rvmm run --events` says of a run, as values and as JSON: docs/events.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

namespace rvmm::vmm {

/// What a run is busy with, in the order in which it comes to them. Each lasts until the next.
enum class Phase : std::uint8_t {
    kConfig,
    kLayout,
    kMeasure,
    kHost,
    kLab,
    kPopulate,
    kGuest,
    kShutdown,
};
std::string_view to_string(Phase phase);

struct PhaseEvent {
    Phase phase = Phase::kConfig;
};
/// Of the phase that it is in. Bytes.
struct ProgressEvent {
    std::uint64_t done = 0;
    std::uint64_t total = 0;
};
struct MeasuredEvent {
    std::string profile;
    std::string hash;
    std::string rim;  // hex
};
/// Where the guest runs.
struct HostEvent {
    std::string host;
    bool emulated = false;
    std::string revision = {};  // of KVM's realm interface; empty but for real realms
};
enum class Milestone : std::uint8_t {
    kFirstEntry,
    kFirstConsoleByte,
    kFirstConversion,
    kReady,
};
struct MilestoneEvent {
    Milestone milestone = Milestone::kFirstEntry;
};
struct PanicEvent {
    std::string detail;
};
struct WarningEvent {
    std::string text;
};

/// Those that a run inside a lab says for the one outside.
using RunEvent = std::variant<PhaseEvent, ProgressEvent, MeasuredEvent, HostEvent, MilestoneEvent,
                              PanicEvent, WarningEvent>;

/// Why a run came to no end of its own.
struct RunFailure {
    std::string error;
    std::string advice = {};
};

/// "event" and what belongs to it.
nlohmann::ordered_json to_json(const RunEvent& event);

/// The event that `line` is. It may come from a machine that ran a guest: nothing if it is anything
/// else. Texts are cut at kMaxEventText bytes, further members are left out.
std::optional<RunEvent> parse_run_event(std::string_view line);
/// What an "end" says of a failure, in the same way; nothing for any other line.
std::optional<RunFailure> parse_failure(std::string_view line);
inline constexpr std::size_t kMaxEventText = 4096;

}  // namespace rvmm::vmm
