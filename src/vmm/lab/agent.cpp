#include "vmm/lab/agent.hpp"

#include <array>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.hpp"

// GCC 12 sees a coroutine frame's own operator delete, but not the operator new that belongs to it.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace rvmm::vmm::lab {
namespace {

using asio::redirect_error;
using asio::use_awaitable;

// What can be left of the command's output when it has ended: as much as a pipe holds.
constexpr std::uint64_t kMaxRest = 1U << 20;

void set_nonblocking(int fd) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

}  // namespace

Agent::Agent(Ports ports)
    : io_(1),
      console_(io_, ports.console.release()),
      errors_(io_, ports.errors.release()),
      control_(io_, ports.control.release()),
      child_signal_(io_, SIGCHLD),
      outbox_(control_),
      links_(io_, [this](LinkMessage message) {
          outbox_.send(encode(AgentMessage(std::move(message))));
      }) {}

Error Agent::run() {
    ::signal(SIGPIPE, SIG_IGN);
    asio::co_spawn(io_, read_control(), asio::detached);
    asio::co_spawn(io_, reap_children(), asio::detached);
    outbox_.send(encode(AgentMessage(HelloMessage{kProtocolVersion})));
    io_.run();
    return error_.value_or(Error(Stage::kInternal, "the lab's agent ended by itself"));
}

asio::awaitable<void> Agent::read_control() {
    std::array<std::byte, kBufferSize> buffer;
    while (true) {
        asio::error_code error;
        const std::size_t size = co_await control_.async_read_some(
            asio::buffer(buffer), redirect_error(use_awaitable, error));
        if (error) {
            finish(Error(Stage::kLaunch, "the lab's control port is closed"));
            co_return;
        }
        if (auto done = read_lines(ByteSpan(buffer.data(), size)); !done) {
            finish(std::move(done).error());
            co_return;
        }
    }
}

Result<> Agent::read_lines(ByteSpan bytes) {
    lines_.push(bytes);
    while (true) {
        RVMM_TRY(const auto line, lines_.next_line());
        if (!line) return {};
        RVMM_TRY(const auto message, parse_host_message(*line));
        RVMM_CHECK(std::visit([this](const auto& m) { return on_message(m); }, message));
    }
}

Result<> Agent::on_message(const RunMessage& run) {
    if (run_) return fail(Stage::kLaunch, "the lab runs one command");
    run_ = run;
    if (!run.follow.empty()) {
        RVMM_TRY(followed_, FifoLines::create(io_, run.follow, [this](std::string_view line) {
                     outbox_.send(encode(AgentMessage(LineMessage{std::string(line)})));
                 }));
    }
    RVMM_TRY(auto child, start_child(run));
    child_ = child.pid;
    for (const UniqueFd* fd : {&child.input, &child.output, &child.errors})
        if (*fd) set_nonblocking(fd->get());
    child_stdin_.emplace(io_, child.input.release());
    stdout_ = Pump{Stream(io_, child.output.release()), 0, false};
    asio::co_spawn(io_, copy_output(stdout_, console_), asio::detached);
    if (child.errors) {
        stderr_ = Pump{Stream(io_, child.errors.release()), 0, false};
        asio::co_spawn(io_, copy_output(stderr_, errors_), asio::detached);
    }
    asio::co_spawn(io_, copy_stdin(), asio::detached);
    return {};
}

Result<> Agent::on_message(const SignalMessage& signal) {
    if (child_ > 0 && !wait_status_) ::kill(-child_, signal.number);
    return {};
}

Result<> Agent::on_message(const ResizeMessage& resize) {
    if (run_ && run_->terminal && child_stdin_)
        set_window_size(child_stdin_->native_handle(), resize.size);
    return {};
}

Result<> Agent::on_message(const StdinEndMessage& end) {
    stdin_total_ = end.total;
    end_stdin_if_all_copied();
    return {};
}

Result<> Agent::on_message(const LinkMessage& link) {
    return links_.take(link);
}

asio::awaitable<void> Agent::copy_stdin() {
    std::array<std::byte, kBufferSize> buffer;
    while (true) {
        asio::error_code error;
        const std::size_t size = co_await console_.async_read_some(
            asio::buffer(buffer), redirect_error(use_awaitable, error));
        if (error) co_return;
        // A command that closed its stdin does not keep us from counting what comes for it.
        if (child_stdin_)
            co_await asio::async_write(*child_stdin_, asio::buffer(buffer.data(), size),
                                       redirect_error(use_awaitable, error));
        stdin_bytes_ += size;
        end_stdin_if_all_copied();
    }
}

void Agent::end_stdin_if_all_copied() {
    if (!stdin_total_ || stdin_bytes_ < *stdin_total_ || !child_stdin_) return;
    if (run_->terminal && !wait_status_) ::kill(-child_, SIGHUP);
    child_stdin_.reset();
}

asio::awaitable<void> Agent::copy_output(Pump& pump, Stream& to) {
    std::array<std::byte, kBufferSize> buffer;
    bool more = true;
    while (more && !wait_status_) {
        asio::error_code error;
        const std::size_t size = co_await pump.from->async_read_some(
            asio::buffer(buffer), redirect_error(use_awaitable, error));
        if (error) {
            more = error == asio::error::operation_aborted;
            break;
        }
        co_await asio::async_write(to, asio::buffer(buffer.data(), size),
                                   redirect_error(use_awaitable, error));
        pump.bytes += size;
        more = !error;
    }
    if (more) co_await copy_rest(pump, to);
    pump.from.reset();
    pump.done = true;
    report_if_done();
}

/// What the command had written when it ended. Others may still hold the pipe: no end is waited
/// for.
asio::awaitable<void> Agent::copy_rest(Pump& pump, Stream& to) {
    std::array<std::byte, kBufferSize> buffer;
    for (std::uint64_t rest = 0; rest < kMaxRest;) {
        const ssize_t size = ::read(pump.from->native_handle(), buffer.data(), buffer.size());
        if (size <= 0) co_return;
        asio::error_code error;
        co_await asio::async_write(to, asio::buffer(buffer.data(), static_cast<std::size_t>(size)),
                                   redirect_error(use_awaitable, error));
        if (error) co_return;
        rest += static_cast<std::uint64_t>(size);
        pump.bytes += static_cast<std::uint64_t>(size);
    }
}

asio::awaitable<void> Agent::reap_children() {
    while (true) {
        asio::error_code error;
        co_await child_signal_.async_wait(redirect_error(use_awaitable, error));
        if (error) co_return;
        int status = 0;
        for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == child_) on_child_ended(status);
    }
}

void Agent::on_child_ended(int wait_status) {
    wait_status_ = wait_status;
    ::kill(-child_, SIGKILL);  // the run ends with the command
    for (Pump* pump : {&stdout_, &stderr_})
        if (pump->from) pump->from->cancel();
    report_if_done();
}

void Agent::report_if_done() {
    if (!wait_status_ || !stdout_.done || !stderr_.done || reported_) return;
    reported_ = true;
    if (followed_) followed_->read_rest();
    const int status = *wait_status_;
    const bool signalled = WIFSIGNALED(status);
    outbox_.send(encode(
        AgentMessage(ExitedMessage{.number = signalled ? WTERMSIG(status) : WEXITSTATUS(status),
                                   .signalled = signalled,
                                   .stdout_bytes = stdout_.bytes,
                                   .stderr_bytes = stderr_.bytes})));
    send_files();
    links_.finish(kLastWords, [this] { outbox_.send(encode(AgentMessage(ByeMessage{}))); });
}

void Agent::send_files() {
    for (std::size_t i = 0; i < run_->collect.size(); ++i) {
        auto content = read_file("file", run_->collect[i], kMaxCollectedFile);
        outbox_.send(encode(content ? AgentMessage(FileMessage{i, *std::move(content)})
                                    : AgentMessage(MissingMessage{i, content.error().message()})));
    }
}

void Agent::finish(Error error) {
    if (!error_) error_ = std::move(error);
    io_.stop();
}

}  // namespace rvmm::vmm::lab
