#include "vmm/console/console.hpp"

#include <algorithm>
#include <cerrno>

#include <asio/post.hpp>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

UniqueFd duplicate(int fd) {
    return UniqueFd(fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

/// A descriptor that epoll takes; regular files and /dev/null are none, and never make us wait.
std::optional<asio::posix::stream_descriptor> waitable(asio::io_context& loop, int fd) {
    std::optional<asio::posix::stream_descriptor> stream;
    if (fd < 0) return stream;
    asio::error_code error;
    stream.emplace(loop);
    stream->assign(fd, error);
    if (error) stream.reset();
    return stream;
}

}  // namespace

ConsoleOutput::ConsoleOutput(asio::io_context& loop, int fd)
    : loop_(loop), fd_(duplicate(fd)), stream_(waitable(loop, fd_.get())) {}

ConsoleOutput::~ConsoleOutput() {
    if (stream_) stream_->release();  // fd_ owns it
}

bool ConsoleOutput::put(ByteSpan bytes) {
    if (!fd_ && !tap_) return true;
    const std::lock_guard lock(mutex_);
    if (pending_.size() + bytes.size() > kLimit) {
        refused_ = true;
        return false;
    }
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    if (!flush_posted_) {
        flush_posted_ = true;
        asio::post(loop_, [this] { flush(); });
    }
    return true;
}

void ConsoleOutput::flush() {
    if (waiting_) return;
    while (!writing_.empty() || take_pending())
        if (!write_some()) return wait_until_writable();
    bool wanted = false;
    {
        const std::lock_guard lock(mutex_);
        wanted = std::exchange(refused_, false);
    }
    if (wanted && drained_) drained_();
}

bool ConsoleOutput::take_pending() {
    {
        const std::lock_guard lock(mutex_);
        flush_posted_ = !pending_.empty();
        writing_.swap(pending_);
    }
    if (tap_ && !writing_.empty()) tap_(writing_);
    return !writing_.empty();
}

bool ConsoleOutput::write_some() {
    if (!fd_) writing_.clear();
    // A descriptor that is ready takes this much without making us wait (PIPE_BUF).
    constexpr std::size_t kChunk = 4096;
    std::size_t done = 0;
    bool ready = true;
    while (done < writing_.size() && ready) {
        pollfd entry = {fd_.get(), POLLOUT, 0};
        if (stream_ && ::poll(&entry, 1, 0) == 0) {
            ready = false;
            break;
        }
        const ssize_t n =
            ::write(fd_.get(), writing_.data() + done, std::min(kChunk, writing_.size() - done));
        if (n >= 0)
            done += static_cast<std::size_t>(n);
        else if (errno == EAGAIN)
            ready = false;
        else if (errno != EINTR)
            done = writing_.size();  // the reader is gone: drop it
    }
    writing_.erase(writing_.begin(), writing_.begin() + static_cast<std::ptrdiff_t>(done));
    return ready;
}

void ConsoleOutput::wait_until_writable() {
    waiting_ = true;
    stream_->async_wait(asio::posix::stream_descriptor::wait_write,
                        [this](const asio::error_code& error) {
                            waiting_ = false;
                            if (!error) flush();
                        });
}

void ConsoleOutput::finish() {
    bool is_read = true;
    while (!writing_.empty() || take_pending()) {
        if (!is_read)
            writing_.clear();  // the tap has seen it
        else if (!write_some())
            is_read = wait_for_reader();
    }
}

bool ConsoleOutput::wait_for_reader() const {
    constexpr int kPatienceMs = 2000;
    pollfd entry = {fd_.get(), POLLOUT, 0};
    const int ready = ::poll(&entry, 1, kPatienceMs);
    return ready > 0 || (ready < 0 && errno == EINTR);
}

ConsoleInput::ConsoleInput(asio::io_context& loop, int fd, Take take)
    : loop_(loop), fd_(duplicate(fd)), stream_(waitable(loop, fd_.get())), take_(std::move(take)) {
    asio::post(loop_, [this] { resume(); });
}

ConsoleInput::~ConsoleInput() {
    if (stream_) stream_->release();  // fd_ owns it
}

void ConsoleInput::resume() {
    deliver();
    read_more();
}

void ConsoleInput::read_more() {
    if (!held_.empty() || reading_ || ended_ || !fd_) return;
    reading_ = true;
    const auto read_now = [this](const asio::error_code& error) {
        if (error) return;
        reading_ = false;
        held_.resize(kChunk);
        const ssize_t n = ::read(fd_.get(), held_.data(), held_.size());
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) ended_ = true;
        held_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        resume();
    };
    if (stream_)
        stream_->async_wait(asio::posix::stream_descriptor::wait_read, read_now);
    else
        asio::post(loop_, [read_now] { read_now({}); });
}

void ConsoleInput::deliver() {
    const std::size_t taken = take_(held_);
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(taken));
}

}  // namespace rvmm::vmm
