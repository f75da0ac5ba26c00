#include "vmm/watch/console_watch.hpp"

#include "base/text.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::string_view kPanic = "Kernel panic - not syncing";
constexpr std::string_view kPanicEnd = "---[ end Kernel panic - not syncing";

/// What a kernel's console puts before a message: "[    1.234567] ", or with CONFIG_PRINTK_CALLER
/// "[    1.234567][    T1] ". Somebody else's words about a panic do not count.
std::string_view without_stamps(std::string_view line) {
    while (line.starts_with('[')) {
        const std::size_t end = line.find(']');
        if (end == std::string_view::npos) return line;
        line.remove_prefix(end + 1);
    }
    if (line.starts_with(' ')) line.remove_prefix(1);
    return line;
}

}  // namespace

ConsoleWatch::ConsoleWatch(asio::io_context& loop, const WatchSpec& spec, Actions actions)
    : spec_(spec), actions_(std::move(actions)), panic_timer_(loop) {}

void ConsoleWatch::feed(ByteSpan bytes) {
    lines_.feed(bytes, [this](std::string_view line) {
        look_at(line, true);
        from_ = 0;
    });
    look_at(lines_.current(), false);
}

void ConsoleWatch::look_at(std::string_view line, bool whole) {
    if (failure_) return;
    if (whole) look_for_panic(line);
    for (const Pattern& pattern : spec_.fail_on) {
        if (!pattern.find(line)) continue;
        failure_ = RunOutcome{RunOutcome::Kind::kPanic, 0,
                              fmt::format("the console said what --fail-on names, {}: {}",
                                          pattern.text(), escape(line))};
        return actions_.end(*failure_);
    }
    look_for_expected(line);
}

void ConsoleWatch::look_for_expected(std::string_view line) {
    while (next_ < spec_.expect.size()) {
        const Expectation& wanted = spec_.expect[next_];
        const auto end = wanted.pattern.find(line, from_);
        if (!end) return;
        from_ = *end;
        ++next_;
        if (!wanted.send.empty()) actions_.send(wanted.send);
        if (next_ == spec_.expect.size() && spec_.end_when_met)
            actions_.end({RunOutcome::Kind::kMet, 0, {}});
    }
}

void ConsoleWatch::look_for_panic(std::string_view line) {
    const std::string_view message = without_stamps(line);
    if (panic_ && message.starts_with(kPanicEnd)) return end_with_panic();
    if (panic_ || !message.starts_with(kPanic)) return;
    panic_ = escape(message);
    panic_timer_.expires_after(kPanicGrace);
    panic_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) end_with_panic();
    });
}

void ConsoleWatch::end_with_panic() {
    if (spec_.panic_ends) actions_.end({RunOutcome::Kind::kPanic, 0, *panic_});
}

RunOutcome ConsoleWatch::judge(RunOutcome outcome) const {
    if (failure_ && outcome.kind != RunOutcome::Kind::kKilled) return *failure_;
    if (panic_ && outcome.kind == RunOutcome::Kind::kReset)
        return {RunOutcome::Kind::kPanic, 0, *panic_};
    if (outcome.exit_code() == 0 && next_ < spec_.expect.size())
        return {RunOutcome::Kind::kUnmet, 0,
                fmt::format("the console did not say what --expect names, {} ({} of {})",
                            spec_.expect[next_].pattern.text(), next_ + 1, spec_.expect.size())};
    return outcome;
}

}  // namespace rvmm::vmm
