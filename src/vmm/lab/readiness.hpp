// Waiting on a descriptor that other processes share: our stdin, stdout and stderr. Asio would make
// it non-blocking for all of them (the flag belongs to the open file, and outlives us if we are
// killed). So an epoll instance of our own watches it, and Asio watches that.
#pragma once

#include <optional>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::vmm::lab {

class Readiness {
  public:
    enum class For : std::uint8_t { kReading, kWriting };

    /// `fd` is not owned and stays as it is. Errors: Stage::kLaunch.
    static Result<Readiness> create(const asio::any_io_executor& executor, int fd, For direction);

    /// Returns when a read, or a write of up to kSafeWrite bytes, will not block. A regular file
    /// never blocks.
    asio::awaitable<void> wait();

    /// What a pipe or socket that is ready surely takes (PIPE_BUF).
    static constexpr std::size_t kSafeWrite = 4096;

  private:
    Readiness() = default;
    std::optional<asio::posix::stream_descriptor> watcher_;  // nothing: always ready
};

/// A reader of a shared descriptor.
class SharedInput {
  public:
    static Result<SharedInput> create(const asio::any_io_executor& executor, int fd);
    /// Reads some bytes; 0 at the end, and also when it cannot be read any more.
    asio::awaitable<std::size_t> read(MutableByteSpan into);

  private:
    SharedInput(int fd, Readiness ready) : fd_(fd), ready_(std::move(ready)) {}
    int fd_;
    Readiness ready_;
};

/// A writer to a shared descriptor.
class SharedOutput {
  public:
    static Result<SharedOutput> create(const asio::any_io_executor& executor, int fd);
    /// Writes all of `bytes`; false if nobody will take them (a closed pipe, a full disk).
    asio::awaitable<bool> write(ByteSpan bytes);

  private:
    SharedOutput(int fd, Readiness ready) : fd_(fd), ready_(std::move(ready)) {}
    int fd_;
    Readiness ready_;
};

}  // namespace rvmm::vmm::lab
