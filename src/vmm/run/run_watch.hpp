// What looks after a run that nobody looks at: its console and its time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include "vmm/console/console_file.hpp"
#include "vmm/machine/machine.hpp"
#include "vmm/watch/console_watch.hpp"

namespace rvmm::vmm {

/// On the machine's loop.
class RunWatch {
  public:
    /// Begins with the machine's run, and watches until it is destroyed. All outlive it but `log`,
    /// which it keeps. `inside_lab`: rvmm outside keeps the time, and says by SIGALRM that it is
    /// up.
    RunWatch(asio::io_context& loop, const WatchSpec& spec, Machine& machine,
             ConsoleOutput& console, std::optional<ConsoleFile> log, bool inside_lab);
    ~RunWatch();
    RunWatch(const RunWatch&) = delete;
    RunWatch& operator=(const RunWatch&) = delete;

    /// Types what the guest had no room for. From the loop.
    void resume_sending();
    /// Puts what was seen into the report of the ended run.
    void finish(RunReport& report);

  private:
    void see(ByteSpan bytes);
    void end_at(asio::steady_timer& timer, std::string why, bool unless_up);

    const WatchSpec& spec_;
    Machine& machine_;
    ConsoleOutput& console_;
    std::optional<ConsoleFile> log_;
    ConsoleWatch watch_;
    std::string sending_;  // what the guest has not taken
    asio::steady_timer deadline_;
    asio::steady_timer boot_limit_;
    asio::signal_set alarm_;
};

/// The new file `path`, if one is wanted. Errors as of ConsoleFile::create().
Result<std::optional<ConsoleFile>> make_console_log(
    const std::optional<std::filesystem::path>& path);

/// Adds what the console said to `log`; one that cannot be written to ends there, with a warning.
void log_console(std::optional<ConsoleFile>& log, ByteSpan bytes);

/// What to say when a limit was reached.
inline constexpr std::string_view kTimeIsUp = "the time limit (--timeout) was reached";

}  // namespace rvmm::vmm
