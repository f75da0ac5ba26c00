#include "vmm/lab/readiness.hpp"

#include <cerrno>

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <sys/epoll.h>

#include "base/unique_fd.hpp"

// GCC 12 sees a coroutine frame's own operator delete, but not the operator new that belongs to it.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace rvmm::vmm::lab {

Result<Readiness> Readiness::create(const asio::any_io_executor& executor, int fd, For direction) {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return fail_errno(Stage::kLaunch, errno, "cannot watch descriptor {}", fd);
    epoll_event event = {};
    event.events = direction == For::kReading ? EPOLLIN : EPOLLOUT;
    Readiness readiness;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0)
        readiness.watcher_.emplace(executor, epoll.release());
    else if (errno != EPERM &&
             errno != EBADF)  // regular files are always ready, closed ones at their end
        return fail_errno(Stage::kLaunch, errno, "cannot watch descriptor {}", fd);
    return readiness;
}

asio::awaitable<void> Readiness::wait() {
    if (!watcher_) co_return;
    asio::error_code ignored;  // after a failure the read or write itself says what is wrong
    co_await watcher_->async_wait(asio::posix::stream_descriptor::wait_read,
                                  asio::redirect_error(asio::use_awaitable, ignored));
}

Result<SharedInput> SharedInput::create(const asio::any_io_executor& executor, int fd) {
    RVMM_TRY(auto ready, Readiness::create(executor, fd, Readiness::For::kReading));
    return SharedInput(fd, std::move(ready));
}

asio::awaitable<std::size_t> SharedInput::read(MutableByteSpan into) {
    while (true) {
        co_await ready_.wait();
        const ssize_t n = ::read(fd_, into.data(), into.size());
        if (n >= 0) co_return static_cast<std::size_t>(n);
        if (errno != EINTR && errno != EAGAIN) co_return 0;
    }
}

Result<SharedOutput> SharedOutput::create(const asio::any_io_executor& executor, int fd) {
    RVMM_TRY(auto ready, Readiness::create(executor, fd, Readiness::For::kWriting));
    return SharedOutput(fd, std::move(ready));
}

asio::awaitable<bool> SharedOutput::write(ByteSpan bytes) {
    while (!bytes.empty()) {
        co_await ready_.wait();
        const std::size_t part = std::min(bytes.size(), Readiness::kSafeWrite);
        const ssize_t n = ::write(fd_, bytes.data(), part);
        if (n >= 0)
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        else if (errno != EINTR && errno != EAGAIN)
            co_return false;
    }
    co_return true;
}

}  // namespace rvmm::vmm::lab
