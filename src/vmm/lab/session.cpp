#include "vmm/lab/session.hpp"

#include <array>
#include <cstdlib>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/exit_code.hpp"

// GCC 12 sees a coroutine frame's own operator delete, but not the operator new that belongs to it.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace rvmm::vmm::lab {
namespace {

using namespace std::chrono_literals;
using asio::redirect_error;
using asio::use_awaitable;

constexpr auto kGrace = 5s;

WindowSize our_window_size() {
    winsize size = {};
    if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {};
    return {size.ws_row, size.ws_col};
}

LabOutcome ended_by(int signal) {
    LabOutcome outcome;
    outcome.exit_code = killed_by(signal);
    outcome.signalled = true;
    return outcome;
}

LabOutcome unwanted() {
    LabOutcome outcome = ended_by(SIGPIPE);
    outcome.unwanted = true;
    return outcome;
}

asio::local::stream_protocol::socket adopt(asio::io_context& io, UniqueFd& fd) {
    return {io, asio::local::stream_protocol(), fd.release()};
}

}  // namespace

Result<RunMessage> make_run_message(const LabRequest& request, Console console) {
    RunMessage run{.argv = request.argv,
                   .cwd = request.cwd,
                   .environment = request.environment,
                   .collect = request.collect,
                   .terminal = std::nullopt,
                   .follow = request.follow};
    if (console == Console::kPty) {
        run.terminal = our_window_size();
        const char* terminal_type = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
        run.environment.emplace("TERM", terminal_type == nullptr ? "linux" : terminal_type);
    }
    if (auto line = encode(HostMessage(run)); !line) return std::unexpected(line.error());
    return run;
}

Result<std::unique_ptr<Session>> Session::create(QemuProcess& qemu, const RunMessage& run,
                                                 const LabRequest& request, bool escapes,
                                                 std::chrono::seconds boot_limit) {
    std::unique_ptr<Session> session(new Session(qemu, run, request, escapes, boot_limit));
    RVMM_CHECK(session->open_streams());
    return session;
}

Session::Session(QemuProcess& qemu, const RunMessage& run, const LabRequest& request, bool escapes,
                 std::chrono::seconds boot_limit)
    : io_(1),
      run_(run),
      request_(request),
      boot_limit_(boot_limit),
      console_(adopt(io_, qemu.streams().console)),
      errors_(adopt(io_, qemu.streams().errors)),
      control_(adopt(io_, qemu.streams().control)),
      kernel_log_(adopt(io_, qemu.streams().kernel_log)),
      messages_(io_, qemu.streams().messages.release()),
      signals_(io_, SIGINT, SIGTERM, SIGHUP),
      boot_timer_(io_, boot_limit),
      grace_timer_(io_),
      time_timer_(io_),
      outbox_(control_),
      links_(io_, [this](LinkMessage message) { send(std::move(message)); }) {
    signals_.add(SIGQUIT);
    signals_.add(SIGPWR);
    if (run.terminal) signals_.add(SIGWINCH);
    if (escapes) escapes_.emplace();
}

Result<> Session::open_streams() {
    const auto executor = io_.get_executor();
    if (!request_.no_input) {
        RVMM_TRY(stdin_, SharedInput::create(executor, STDIN_FILENO));
    }
    RVMM_TRY(auto out, SharedOutput::create(
                           executor, request_.output_to_stderr ? STDERR_FILENO : STDOUT_FILENO));
    RVMM_TRY(auto err, SharedOutput::create(executor, STDERR_FILENO));
    stdout_.emplace(Output{std::move(out), request_.output_tap});
    stderr_.emplace(Output{std::move(err)});
    stdout_->closed = request_.output_to_tap_alone;
    return {};
}

Result<LabOutcome> Session::run() {
    const auto start = [this](asio::awaitable<void> work) {
        asio::co_spawn(io_, std::move(work), asio::detached);
    };
    start(copy_stdin());
    start(copy_output(console_, *stdout_));
    start(copy_output(errors_, *stderr_));
    start(keep_log(kernel_log_));
    start(keep_log(messages_));
    start(read_control());
    start(watch_signals());
    start(limit_boot());
    if (request_.deadline) start(limit_time());
    io_.run();
    if (!outcome_) return fail(Stage::kInternal, "the lab's event loop ended by itself");
    return *std::move(outcome_);
}

asio::awaitable<void> Session::copy_stdin() {
    std::array<std::byte, kBufferSize> buffer;
    while (const std::size_t size = stdin_ ? co_await stdin_->read(buffer) : 0) {
        ByteSpan typed(buffer.data(), size);
        EscapeFilter::Result filtered;
        if (escapes_) {
            filtered = escapes_->feed(typed);
            typed = filtered.typed;
            if (filtered.help) co_await stderr_->to.write(as_bytes(EscapeFilter::help()));
        }
        asio::error_code error;
        co_await asio::async_write(console_, asio::buffer(typed.data(), typed.size()),
                                   redirect_error(use_awaitable, error));
        if (error) co_return;
        stdin_bytes_ += typed.size();
        if (filtered.power) press_power_key();
        if (filtered.quit) quit();
    }
    stdin_ended_ = true;
    tell_stdin_end();
}

asio::awaitable<void> Session::copy_output(Socket& from, Output& output) {
    std::array<std::byte, kBufferSize> buffer;
    while (true) {
        asio::error_code error;
        const std::size_t size = co_await from.async_read_some(
            asio::buffer(buffer), redirect_error(use_awaitable, error));
        if (error) co_return;
        if (output.tap) output.tap(ByteSpan(buffer.data(), size));
        if (output.tap && request_.still_wanted && !request_.still_wanted()) {
            finish(unwanted());
            co_return;
        }
        if (!output.closed && !co_await output.to.write(ByteSpan(buffer.data(), size))) {
            output.closed = true;
            send(SignalMessage{SIGPIPE});
        }
        output.bytes += size;
        finish_if_complete();
    }
}

template <class Stream>
asio::awaitable<void> Session::keep_log(Stream& from) {
    std::array<std::byte, 4096> buffer;
    while (true) {
        asio::error_code error;
        const std::size_t size = co_await from.async_read_some(
            asio::buffer(buffer), redirect_error(use_awaitable, error));
        if (error) co_return;
        log_.push(ByteSpan(buffer.data(), size));
    }
}

asio::awaitable<void> Session::watch_signals() {
    while (true) {
        asio::error_code error;
        const int number = co_await signals_.async_wait(redirect_error(use_awaitable, error));
        if (error) co_return;
        if (number == SIGPWR)
            press_power_key();
        else if (number != SIGWINCH)
            ask_to_end(number);
        else if (answered_)
            send(ResizeMessage{our_window_size()});
    }
}

asio::awaitable<void> Session::limit_boot() {
    asio::error_code cancelled;
    co_await boot_timer_.async_wait(redirect_error(use_awaitable, cancelled));
    if (!cancelled)
        finish(std::unexpected(with_log(
            fmt::format("the lab did not come up within {} seconds", boot_limit_.count()))));
}

asio::awaitable<void> Session::limit_time() {
    time_timer_.expires_at(*request_.deadline);
    asio::error_code cancelled;
    co_await time_timer_.async_wait(redirect_error(use_awaitable, cancelled));
    if (answered_) {
        send(SignalMessage{SIGALRM});
        time_timer_.expires_after(kTimeGrace);
        co_await time_timer_.async_wait(redirect_error(use_awaitable, cancelled));
    }
    time_is_up();
}

void Session::time_is_up() {
    LabOutcome outcome;
    outcome.exit_code = to_int(ExitCode::kTimeLimit);
    outcome.timed_out = true;
    finish(std::move(outcome));
}

asio::awaitable<void> Session::limit_grace(int signal) {
    grace_timer_.expires_after(kGrace);
    asio::error_code cancelled;
    co_await grace_timer_.async_wait(redirect_error(use_awaitable, cancelled));
    if (!cancelled) finish(ended_by(signal));
}

void Session::ask_to_end(int number) {
    if (!answered_ || exited_ || end_signal_) {
        finish(ended_by(end_signal_.value_or(number)));
        return;
    }
    end_signal_ = number;
    send(SignalMessage{number});
    asio::co_spawn(io_, limit_grace(number), asio::detached);
}

void Session::press_power_key() {
    // For a guest's VMM; it would end a shell.
    if (answered_ && !run_.terminal) send(SignalMessage{SIGPWR});
}

void Session::quit() {
    quit_ = true;
    // A terminal that goes away is what a shell understands best.
    ask_to_end(run_.terminal ? SIGHUP : SIGINT);
}

void Session::finish(Result<LabOutcome> outcome) {
    if (quit_ && outcome) {
        outcome->exit_code = killed_by(SIGINT);
        outcome->signalled = true;
    }
    if (!outcome_) outcome_ = std::move(outcome);
    io_.stop();
}

}  // namespace rvmm::vmm::lab
