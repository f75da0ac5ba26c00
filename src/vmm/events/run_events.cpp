#include "vmm/events/run_events.hpp"

#include <cmath>

#include <sys/resource.h>

#include "base/exit_code.hpp"
#include "base/version.hpp"
#include "vmm/process/proc_memory.hpp"

namespace rvmm::vmm {
namespace {

using nlohmann::ordered_json;

constexpr int kEventSchema = 1;
constexpr auto kProgressEvery = std::chrono::milliseconds(100);
// What a reader may take to read the end.
constexpr auto kReaderPatience = std::chrono::milliseconds(2000);

/// Seconds, in whole microseconds.
double in_seconds(RunEvents::Clock::duration time) {
    const auto whole = std::chrono::round<std::chrono::microseconds>(time);
    return static_cast<double>(whole.count()) / 1e6;
}

/// Bytes that were resident at most. What getrusage() says of ourselves may have been of whoever
/// started us: it survives execve(2).
std::uint64_t peak_memory() {
    return proc_memory("/proc/self/status", "VmHWM:");
}

/// The same of the largest child that has ended.
std::uint64_t peak_memory_of_children() {
    rusage usage = {};
    if (::getrusage(RUSAGE_CHILDREN, &usage) != 0) return 0;
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

RunEvents::RunEvents(EventSink sink, std::string_view config)
    : sink_(std::move(sink)), start_(Clock::now()), now_(start_), phase_start_(start_) {
    put({{"event", "start"},
         {"schema", kEventSchema},
         {"tool", fmt::format("rvmm {}", kVersion)},
         {"config", config}});
    put(to_json(PhaseEvent{phase_}));
    listener_.emplace([this](std::string_view text) { say(WarningEvent{std::string(text)}); });
}

Result<std::shared_ptr<RunEvents>> RunEvents::create(const std::string& target,
                                                     std::string_view config) {
    if (target.empty()) return std::make_shared<RunEvents>();
    RVMM_TRY(auto sink, EventSink::open(target));
    return std::make_shared<RunEvents>(std::move(sink), config);
}

void RunEvents::put(const ordered_json& json, bool from_lab) {
    if (lost_) return;
    ordered_json line = {{"time", in_seconds(now_ - start_)}};
    line.update(json);
    if (from_lab) line["in_lab"] = true;
    const std::string text = line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    if (!sink_->put(text + "\n")) lost_ = true;
}

template <class What>
void RunEvents::locked(What&& what) {
    if (!sink_) return;
    bool tell = false;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        now_ = std::max(now_, Clock::now());
        if (!lost_) what();
        tell = lost_ && !std::exchange(lost_said_, true);
    }
    if (tell) warn("the reader of --events has gone, or its disk is full: no more is said to it");
}

void RunEvents::close_phase(Clock::time_point now) {
    durations_[static_cast<std::size_t>(phase_)] = now - phase_start_;
    phase_start_ = now;
}

void RunEvents::begin_phase(Phase next, bool from_lab) {
    if (next <= phase_) return;
    close_phase(now_);
    phase_ = next;
    put(to_json(PhaseEvent{next}), from_lab);
}

void RunEvents::phase(Phase next) {
    locked([&] { begin_phase(next, false); });
}

void RunEvents::progress(std::uint64_t done, std::uint64_t total) {
    locked([&] {
        if (done != total && now_ - last_progress_ < kProgressEvery) return;
        last_progress_ = now_;
        put(to_json(ProgressEvent{done, total}));
    });
}

void RunEvents::say(const RunEvent& event) {
    locked([&] { put(to_json(event)); });
}

void RunEvents::relay(std::string_view line) {
    if (auto failure = parse_failure(line))
        return locked([&] { lab_failure_ = std::move(failure); });
    const auto event = parse_run_event(line);
    if (!event) return;
    locked([&] {
        const auto* phase = std::get_if<PhaseEvent>(&*event);
        if (phase == nullptr)
            put(to_json(*event), true);
        else if (phase->phase >= Phase::kPopulate)
            begin_phase(phase->phase, true);
    });
}

void RunEvents::end(const Result<int>& exit_code, const std::string& report) {
    locked([&] {
        close_phase(now_);
        const int code =
            exit_code ? *exit_code : to_int(rvmm::exit_code(exit_code.error().stage()));
        ordered_json json = {{"event", "end"}, {"exit_code", code}};
        auto failure = lab_failure_;
        if (!exit_code) failure = {exit_code.error().message(), exit_code.error().advice()};
        if (failure) json["error"] = failure->error;
        if (failure && !failure->advice.empty()) json["advice"] = failure->advice;
        for (std::size_t i = 0; i < kPhases; ++i)
            if (durations_[i])
                json["phases"][std::string(to_string(static_cast<Phase>(i)))] =
                    in_seconds(*durations_[i]);
        json["peak_memory"] = peak_memory();
        if (durations_[static_cast<std::size_t>(Phase::kLab)])
            json["lab_peak_memory"] = peak_memory_of_children();
        if (!report.empty()) json["report"] = ordered_json::parse(report, nullptr, false);
        put(json);
        if (!sink_->finish(kReaderPatience)) lost_ = true;
    });
    const std::lock_guard lock(mutex_);
    ended_ = true;
}

}  // namespace rvmm::vmm
