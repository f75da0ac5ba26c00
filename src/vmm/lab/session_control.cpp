// The conversation with the agent: Session's other half.
#include <array>
#include <utility>

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/exit_code.hpp"
#include "vmm/lab/session.hpp"

// GCC 12 sees a coroutine frame's own operator delete, but not the operator new that belongs to it.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace rvmm::vmm::lab {
namespace {

constexpr std::size_t kLogLines = 15;
constexpr int kLogMilliseconds = 1000;

std::unexpected<Error> out_of_turn(std::string_view message) {
    return fail(Stage::kLaunch, "the lab's agent said \"{}\" out of turn", message);
}

/// What is still in `fd`, whose other end is closing.
void read_rest(int fd, LogTail& log) {
    std::array<std::byte, 4096> buffer;
    pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
    while (::poll(&ready, 1, kLogMilliseconds) > 0) {
        const ssize_t size = ::read(fd, buffer.data(), buffer.size());
        if (size <= 0) return;
        log.push(ByteSpan(buffer.data(), static_cast<std::size_t>(size)));
    }
}

}  // namespace

asio::awaitable<void> Session::read_control() {
    std::array<std::byte, kBufferSize> buffer;
    while (true) {
        asio::error_code error;
        const std::size_t size = co_await control_.async_read_some(
            asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
        if (error) {
            finish(std::unexpected(machine_ended()));
            co_return;
        }
        if (auto done = read_messages(ByteSpan(buffer.data(), size)); !done) {
            finish(std::unexpected(std::move(done).error()));
            co_return;
        }
    }
}

Result<> Session::read_messages(ByteSpan bytes) {
    reader_.push(bytes);
    while (true) {
        RVMM_TRY(auto message, reader_.next());
        if (!message) return {};
        RVMM_CHECK(std::visit([this](auto& m) { return on_message(std::move(m)); }, *message));
    }
}

Result<> Session::on_message(HelloMessage&& hello) {
    if (answered_) return out_of_turn("hello");
    if (hello.version != kProtocolVersion)
        return fail(Stage::kHostCannot,
                    "the arm64 rvmm speaks version {} of the lab's protocol, this one {}: build "
                    "both from the same source",
                    hello.version, kProtocolVersion);
    answered_ = true;
    answered_at_ = std::chrono::steady_clock::now();
    boot_timer_.cancel();
    send(run_);
    tell_stdin_end();
    if (request_.service != nullptr) {
        request_.service->ready("host lab, running");
        heartbeat_.emplace(io_, *request_.service).start();
    }
    for (const LabSocket& socket : request_.sockets) RVMM_CHECK(links_.join(socket));
    return {};
}

Result<> Session::on_message(LineMessage&& line) {
    if (!answered_ || exited_ || !request_.on_line) return out_of_turn("line");
    request_.on_line(line.text);
    return {};
}

Result<> Session::on_message(ExitedMessage&& exited) {
    if (!answered_ || exited_) return out_of_turn("exited");
    exited_ = exited;
    grace_timer_.cancel();
    return {};
}

Result<> Session::on_message(FileMessage&& file) {
    RVMM_TRY(const std::string* path, collected_path(file.index));
    collected_.collected[*path] = std::move(file.content);
    return {};
}

Result<> Session::on_message(MissingMessage&& missing) {
    RVMM_TRY(const std::string* path, collected_path(missing.index));
    collected_.not_collected[*path] = printable(missing.why);
    return {};
}

Result<> Session::on_message(ByeMessage&&) {
    if (!exited_ || bye_) return out_of_turn("bye");
    bye_ = true;
    links_.finish(kLastWords, [this] {
        links_done_ = true;
        finish_if_complete();
    });
    return {};
}

Result<> Session::on_message(LinkMessage&& link) {
    return links_.take(link);
}

Result<const std::string*> Session::collected_path(std::size_t index) const {
    if (!exited_ || bye_) return out_of_turn("file");
    if (index >= run_.collect.size())
        return fail(Stage::kLaunch, "the lab's agent sent a file that nobody asked for");
    return &run_.collect[index];
}

void Session::send(const HostMessage& message) {
    // Only a RunMessage can fail to encode, and make_run_message() has tried it.
    if (auto line = encode(message)) outbox_.send(*std::move(line));
}

void Session::tell_stdin_end() {
    if (answered_ && stdin_ended_) send(StdinEndMessage{stdin_bytes_});
}

void Session::finish_if_complete() {
    if (!links_done_ || stdout_->bytes < exited_->stdout_bytes ||
        stderr_->bytes < exited_->stderr_bytes)
        return;
    // A command that does not handle it ends by the signal that says so.
    if (request_.deadline && exited_->signalled && exited_->number == SIGALRM) return time_is_up();
    LabOutcome outcome = std::exchange(collected_, {});
    outcome.signalled = exited_->signalled;
    outcome.exit_code = exited_->signalled ? killed_by(exited_->number) : exited_->number;
    finish(std::move(outcome));
}

Error Session::machine_ended() {
    read_rest(kernel_log_.native_handle(), log_);
    read_rest(messages_.native_handle(), log_);
    return with_log(answered_ ? "the lab's machine ended before the command did"
                              : "the lab's machine ended before it was ready");
}

Error Session::with_log(std::string what) {
    if (!log_.empty()) what += "; its log ends with\n" + log_.last_lines(kLogLines);
    return {Stage::kLaunch, std::move(what)};
}

}  // namespace rvmm::vmm::lab
