#include "vmm/lab/fifo_lines.hpp"

#include <array>
#include <cerrno>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// GCC 12 sees a coroutine frame's own operator delete, but not the operator new that belongs to it.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace rvmm::vmm::lab {

FifoLines::FifoLines(asio::io_context& io, UniqueFd fd, Take take)
    : fifo_(io, fd.release()), take_(std::move(take)) {}

Result<std::unique_ptr<FifoLines>> FifoLines::create(asio::io_context& io, const std::string& path,
                                                     Take take) {
    const auto failed = [&] {
        return std::unexpected(
            Error::from_errno(Stage::kLaunch, "cannot make the FIFO " + path, errno));
    };
    if (::mkfifo(path.c_str(), 0600) != 0) return failed();
    // For writing too: a writer that closes it is not the end.
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return failed();
    std::unique_ptr<FifoLines> lines(new FifoLines(io, std::move(fd), std::move(take)));
    asio::co_spawn(io, lines->read(), asio::detached);
    return lines;
}

asio::awaitable<void> FifoLines::read() {
    while (!broken_) {
        asio::error_code error;
        co_await fifo_.async_wait(asio::posix::stream_descriptor::wait_read,
                                  asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return;
        read_rest();
    }
}

void FifoLines::read_rest() {
    std::array<std::byte, kBufferSize> buffer;
    while (!broken_) {
        const ssize_t size = ::read(fifo_.native_handle(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return;
        push(ByteSpan(buffer.data(), static_cast<std::size_t>(size)));
    }
}

void FifoLines::push(ByteSpan bytes) {
    lines_.push(bytes);
    while (true) {
        auto line = lines_.next_line();
        if (!line) broken_ = true;
        if (!line || !*line) return;
        if ((*line)->size() <= kMaxFollowedLine) take_(**line);
    }
}

}  // namespace rvmm::vmm::lab
