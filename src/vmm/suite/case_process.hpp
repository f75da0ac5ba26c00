// One `rvmm run` of a suite as a process of its own.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>

#include "base/error.hpp"
#include "vmm/process/child_process.hpp"
#include "vmm/suite/case_run.hpp"
#include "vmm/watch/console_lines.hpp"

namespace rvmm::vmm::suite {

struct CaseCommand {
    std::vector<std::string> arguments;  // of rvmm, without --report
    std::chrono::nanoseconds limit;      // it has ended by then by itself
};

/// On the loop's thread. It has nothing to read, and dies with us (ChildProcess::start says when).
/// What it waits for keeps it alive.
class CaseProcess : public std::enable_shared_from_this<CaseProcess> {
  public:
    /// What a process that does not end by its limit, or when it is told, still gets.
    static constexpr auto kGrace = std::chrono::seconds(10);

    using Done = std::function<void(CaseRun)>;
    /// Starts rvmm, the program `program`, with its report in the new file `report`, which is gone
    /// afterwards. Calls `done` once, from the loop. Errors (Stage::kLaunch): it cannot be started.
    static Result<std::shared_ptr<CaseProcess>> start(asio::io_context& loop,
                                                      const CaseCommand& command,
                                                      const std::string& program,
                                                      std::filesystem::path report, Done done);
    ~CaseProcess();
    CaseProcess(const CaseProcess&) = delete;
    CaseProcess& operator=(const CaseProcess&) = delete;

    /// Tells it to end, and ends it if it does not, or the second time.
    void end();

  private:
    /// Text of the process, of which the last lines are kept.
    struct Stream {
        asio::posix::stream_descriptor from;
        ConsoleLines lines = {};
        std::array<std::byte, 16384> buffer = {};
        bool ended = false;
    };

    CaseProcess(asio::io_context& loop, ChildProcess child, UniqueFd watch, UniqueFd output,
                UniqueFd errors, std::filesystem::path report, Done done);
    void begin(std::chrono::nanoseconds limit);
    void read(Stream& stream);
    void kill_after(std::chrono::nanoseconds time, const char* why);
    void wait_for_end();
    void on_end();
    void finish_if_complete();

    ChildProcess child_;
    asio::posix::stream_descriptor watch_;
    Stream output_;
    Stream errors_;
    asio::steady_timer timer_;
    std::filesystem::path report_;
    Done done_;
    std::string error_;
    bool told_to_end_ = false;
    bool heard_enough_ = false;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace rvmm::vmm::suite
