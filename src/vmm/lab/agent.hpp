// rvmm inside the lab: process 1 of its machine. It runs the one command it is told to run, joins
// its streams to the ports, reports how it ended, and hands over the files that are asked for.
#pragma once

#include <optional>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>

#include "base/error.hpp"
#include "vmm/lab/agent_child.hpp"
#include "vmm/lab/fifo_lines.hpp"
#include "vmm/lab/inner_links.hpp"
#include "vmm/lab/outbox.hpp"
#include "vmm/lab/protocol.hpp"

namespace rvmm::vmm::lab {

/// Serves one conversation and then waits to be switched off; returns only with an Error
/// (Stage::kHostCannot when this is not the inside of a lab). As process 1 that ends the machine.
Result<int> run_agent();

/// Runs once, on the thread that calls run(); all its coroutines run there, in io_.
class Agent {
  public:
    using Stream = asio::posix::stream_descriptor;

    struct Ports {
        UniqueFd console;
        UniqueFd errors;
        UniqueFd control;
    };

    explicit Agent(Ports ports);
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    /// Until the conversation breaks.
    Error run();

  private:
    /// One of the command's outputs on its way to a port.
    struct Pump {
        std::optional<Stream> from;
        std::uint64_t bytes = 0;
        bool done = true;
    };

    asio::awaitable<void> read_control();
    asio::awaitable<void> copy_stdin();
    asio::awaitable<void> copy_output(Pump& pump, Stream& to);
    asio::awaitable<void> copy_rest(Pump& pump, Stream& to);
    asio::awaitable<void> reap_children();

    Result<> on_message(const RunMessage& run);
    Result<> on_message(const SignalMessage& signal);
    Result<> on_message(const ResizeMessage& resize);
    Result<> on_message(const StdinEndMessage& end);
    Result<> on_message(const LinkMessage& link);
    Result<> read_lines(ByteSpan bytes);

    void on_child_ended(int wait_status);
    void end_stdin_if_all_copied();
    void report_if_done();
    void send_files();
    void finish(Error error);

    asio::io_context io_;
    Stream console_;
    Stream errors_;
    Stream control_;
    asio::signal_set child_signal_;
    Outbox<Stream> outbox_;
    InnerLinks links_;
    LineReader lines_;

    std::optional<RunMessage> run_;
    pid_t child_ = -1;
    std::unique_ptr<FifoLines> followed_;
    std::optional<Stream> child_stdin_;
    Pump stdout_;
    Pump stderr_;
    std::uint64_t stdin_bytes_ = 0;
    std::optional<std::uint64_t> stdin_total_;
    std::optional<int> wait_status_;
    bool reported_ = false;
    std::optional<Error> error_;
};

}  // namespace rvmm::vmm::lab
