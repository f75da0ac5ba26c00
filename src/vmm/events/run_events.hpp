// What a run says of itself while it runs, for a program: --events, docs/events.md.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "vmm/events/event_sink.hpp"
#include "vmm/events/run_event.hpp"

namespace rvmm::vmm {

/// Lines of JSON, each with the time since it was made. Thread-safe.
class RunEvents {
  public:
    using Clock = std::chrono::steady_clock;

    /// Says nothing.
    RunEvents() = default;
    /// Begins with "start" and the first phase. Warnings of the process are events from here on.
    RunEvents(EventSink sink, std::string_view config);
    /// For an empty `target` one that says nothing. Errors as of EventSink::open().
    static Result<std::shared_ptr<RunEvents>> create(const std::string& target,
                                                     std::string_view config);
    RunEvents(const RunEvents&) = delete;
    RunEvents& operator=(const RunEvents&) = delete;

    bool heard() const { return sink_.has_value(); }

    /// Ends the phase before. Phases that come no later than it are passed over.
    void phase(Phase next);
    /// Of the phase that it is in; not more than ten a second, but for the last one.
    void progress(std::uint64_t done, std::uint64_t total);
    void say(const RunEvent& event);
    /// A line of the run inside a lab. Its phases are ours from `populate` on; why it failed is
    /// said in our "end".
    void relay(std::string_view line);
    /// Says "end", and waits a moment for the reader. Nothing is said after it. `report` is as
    /// `rvmm run --json` prints it, or empty.
    void end(const Result<int>& exit_code, const std::string& report);

  private:
    static constexpr std::size_t kPhases = 8;

    /// With the lock.
    void put(const nlohmann::ordered_json& json, bool from_lab = false);
    void begin_phase(Phase next, bool from_lab);
    void close_phase(Clock::time_point now);

    /// Puts `what` under the lock, and says once if nobody takes it any more.
    template <class What>
    void locked(What&& what);

    std::mutex mutex_;
    std::optional<EventSink> sink_;
    bool lost_ = false;       // nobody takes lines any more
    bool lost_said_ = false;  // and the user knows
    bool ended_ = false;
    Clock::time_point start_ = {};
    Clock::time_point now_ = {};  // of the last line: times never go back
    Phase phase_ = Phase::kConfig;
    Clock::time_point phase_start_ = {};
    std::array<std::optional<Clock::duration>, kPhases> durations_ = {};
    std::optional<RunFailure> lab_failure_;
    Clock::time_point last_progress_ = {};
    std::optional<WarningListener> listener_;
};

}  // namespace rvmm::vmm
