// What looks after a run that nobody looks at: its console and its time.
#pragma once

#include <functional>
#include <string>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include "vmm/console/console_log.hpp"
#include "vmm/machine/machine.hpp"
#include "vmm/watch/console_watch.hpp"

namespace rvmm::vmm {

/// On the machine's loop.
class RunWatch {
  public:
    /// Begins with the machine's run, and watches until it is destroyed; the loop does not run
    /// after that. All outlive it but `log`, which it keeps. `inside_lab`: rvmm outside keeps the
    /// time, and says by SIGALRM that it is up.
    RunWatch(asio::io_context& loop, const WatchSpec& spec, Machine& machine,
             ConsoleOutput& console, ConsoleLog log, bool inside_lab);
    ~RunWatch();
    RunWatch(const RunWatch&) = delete;
    RunWatch& operator=(const RunWatch&) = delete;

    /// `seen` is called from the loop when the console says its first byte.
    void on_first_byte(std::function<void()> seen) { first_byte_ = std::move(seen); }

    /// Types what the guest had no room for. From the loop.
    void resume_sending();
    /// How the run ended, by what was seen so far, when `outcome` is how it seems to have ended.
    RunOutcome judge(const RunOutcome& outcome) const { return watch_.judge(outcome); }
    /// Puts what was seen into the report of the ended run.
    void finish(RunReport& report);

  private:
    void see(ByteSpan bytes);
    void end_at(asio::steady_timer& timer, std::string why, bool unless_up);

    const WatchSpec& spec_;
    Machine& machine_;
    ConsoleOutput& console_;
    ConsoleLog log_;
    ConsoleWatch watch_;
    std::function<void()> first_byte_;
    std::string sending_;  // what the guest has not taken
    asio::steady_timer deadline_;
    asio::steady_timer boot_limit_;
    asio::signal_set alarm_;
};

/// What to say when a limit was reached.
inline constexpr std::string_view kTimeIsUp = "the time limit (--timeout) was reached";

}  // namespace rvmm::vmm
