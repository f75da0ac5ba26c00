// Watches what a guest prints on its console: what is expected, what must not come, a kernel's
// panic.
//
// Text is looked at a line at a time, as it grows: a prompt has no line end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/bytes.hpp"
#include "vmm/machine/outcome.hpp"
#include "vmm/watch/console_lines.hpp"
#include "vmm/watch/watch_spec.hpp"

namespace rvmm::vmm {

/// On one loop's thread.
class ConsoleWatch {
  public:
    struct Actions {
        std::function<void(std::string_view)> send;  // types into the guest's console
        std::function<void(RunOutcome)> end;         // ends the run
    };

    /// How long a kernel that panics may go on printing.
    static constexpr auto kPanicGrace = std::chrono::seconds(3);

    /// `spec` outlives it.
    ConsoleWatch(asio::io_context& loop, const WatchSpec& spec, Actions actions);

    void feed(ByteSpan bytes);

    std::vector<std::string> last_lines() const { return lines_.last(); }
    /// Whether anything that was expected has been seen.
    bool has_met_any() const { return next_ > 0; }
    /// How many of what was expected have come.
    std::size_t met() const { return next_; }
    /// How the run ended, when `outcome` is how it seemed to end. What is in `fail_on` may be the
    /// last that the guest said; a reset after a panic is that panic; and a guest that ended well,
    /// but has not said all that was expected, did not end well.
    RunOutcome judge(RunOutcome outcome) const;

  private:
    void look_at(std::string_view line, bool whole);
    void look_for_expected(std::string_view line);
    void look_for_panic(std::string_view line);
    void end_with_panic();

    const WatchSpec& spec_;
    Actions actions_;
    ConsoleLines lines_;
    std::size_t next_ = 0;               // of spec_.expect
    std::size_t from_ = 0;               // in the current line: what has matched already
    std::optional<RunOutcome> failure_;  // by spec_.fail_on
    std::optional<std::string> panic_;   // the kernel's line
    asio::steady_timer panic_timer_;
};

}  // namespace rvmm::vmm
