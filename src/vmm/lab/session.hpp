// One run in a lab, seen from outside: joins our stdin, stdout and stderr to the lab's ports, and
// leads the conversation with the agent.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include "vmm/lab/lab.hpp"
#include "vmm/lab/log_tail.hpp"
#include "vmm/lab/outbox.hpp"
#include "vmm/lab/outer_links.hpp"
#include "vmm/lab/protocol.hpp"
#include "vmm/lab/qemu_process.hpp"
#include "vmm/lab/readiness.hpp"
#include "vmm/service/heartbeat.hpp"
#include "vmm/terminal/escape_filter.hpp"

namespace rvmm::vmm::lab {

/// What the agent is told to run. Errors (Stage::kUsage): it cannot be told (see encode()).
Result<RunMessage> make_run_message(const LabRequest& request, Console console);

/// Runs once, on the thread that calls run(). All its coroutines run there, in io_.
class Session {
  public:
    /// `qemu`, `run` and `request` live longer. With `escapes` stdin goes through the EscapeFilter.
    /// The agent must have said hello within `boot_limit`.
    static Result<std::unique_ptr<Session>> create(QemuProcess& qemu, const RunMessage& run,
                                                   const LabRequest& request, bool escapes,
                                                   std::chrono::seconds boot_limit);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// See run_in_lab(); boot_seconds is left to the caller.
    Result<LabOutcome> run();
    /// When the agent said hello.
    std::chrono::steady_clock::time_point answered_at() const { return answered_at_; }

  private:
    using Socket = asio::local::stream_protocol::socket;

    struct Output {
        SharedOutput to;
        std::function<void(ByteSpan)> tap = {};
        std::uint64_t bytes = 0;  // taken from the lab
        bool closed = false;      // nobody takes more: bytes are counted and dropped
    };

    Session(QemuProcess& qemu, const RunMessage& run, const LabRequest& request, bool escapes,
            std::chrono::seconds boot_limit);
    Result<> open_streams();

    asio::awaitable<void> copy_stdin();
    asio::awaitable<void> copy_output(Socket& from, Output& output);
    template <class Stream>
    asio::awaitable<void> keep_log(Stream& from);
    asio::awaitable<void> read_control();
    asio::awaitable<void> watch_signals();
    asio::awaitable<void> limit_boot();
    asio::awaitable<void> limit_time();
    asio::awaitable<void> limit_grace(int signal);

    Result<> on_message(HelloMessage&& hello);
    Result<> on_message(LineMessage&& line);
    Result<> on_message(ExitedMessage&& exited);
    Result<> on_message(FileMessage&& file);
    Result<> on_message(MissingMessage&& missing);
    Result<> on_message(ByeMessage&&);
    Result<> on_message(LinkMessage&& link);
    Result<> read_messages(ByteSpan bytes);
    Result<const std::string*> collected_path(std::size_t index) const;

    void send(const HostMessage& message);
    void tell_stdin_end();
    /// Asks the command to end by `number`; see run_in_lab().
    void ask_to_end(int number);
    /// What Ctrl-A x does.
    void press_power_key();
    void quit();
    void time_is_up();
    void finish(Result<LabOutcome> outcome);
    void finish_if_complete();
    Error machine_ended();
    Error with_log(std::string what);

    asio::io_context io_;
    const RunMessage& run_;
    const LabRequest& request_;
    std::chrono::seconds boot_limit_;
    Socket console_;
    Socket errors_;
    Socket control_;
    Socket kernel_log_;
    asio::posix::stream_descriptor messages_;
    asio::signal_set signals_;
    asio::steady_timer boot_timer_;
    asio::steady_timer grace_timer_;
    asio::steady_timer time_timer_;
    Outbox<Socket> outbox_;
    OuterLinks links_;
    AgentMessageReader reader_;
    LogTail log_;
    std::optional<SharedInput> stdin_;  // nothing: there is no_input
    std::optional<Output> stdout_;
    std::optional<Output> stderr_;
    std::optional<EscapeFilter> escapes_;
    std::optional<Heartbeat> heartbeat_;

    std::chrono::steady_clock::time_point answered_at_;
    bool answered_ = false;
    bool bye_ = false;
    bool links_done_ = false;
    std::uint64_t stdin_bytes_ = 0;
    bool stdin_ended_ = false;
    std::optional<int> end_signal_;
    bool quit_ = false;
    std::optional<ExitedMessage> exited_;
    LabOutcome collected_;
    std::optional<Result<LabOutcome>> outcome_;
};

}  // namespace rvmm::vmm::lab
