// The guest's console on file descriptors of ours: bytes that the guest writes go out in order from
// the machine's loop; bytes that a person types come in.
#pragma once

#include <functional>
#include <mutex>
#include <optional>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"
#include "devices/byte_sink.hpp"

namespace rvmm::vmm {

/// put() from any thread; everything else from the loop's thread.
class ConsoleOutput final : public devices::ByteSink {
  public:
    /// Writes to a copy of `fd`; -1 for a console that nobody sees.
    ConsoleOutput(asio::io_context& loop, int fd);
    ~ConsoleOutput() override;

    bool put(ByteSpan bytes) override;
    /// Called from the loop when a put() that was refused would be taken now.
    void set_drained(std::function<void()> drained) { drained_ = std::move(drained); }
    /// Called from the loop with all bytes, in order, before they are written. Set it before the
    /// guest runs.
    void set_tap(std::function<void(ByteSpan)> tap) { tap_ = std::move(tap); }
    /// Writes all that is left. A reader that does not read for two seconds gets no more of it.
    void finish();

  private:
    static constexpr std::size_t kLimit = std::size_t{64} * 1024;

    void flush();
    /// Takes what was put, if there is nothing else to write.
    bool take_pending();
    void wait_until_writable();
    bool wait_for_reader() const;
    /// Writes from writing_; false if the reader must be waited for.
    bool write_some();

    asio::io_context& loop_;
    UniqueFd fd_;
    std::optional<asio::posix::stream_descriptor> stream_;  // where the descriptor can be waited on
    std::function<void()> drained_;
    std::function<void(ByteSpan)> tap_;
    Bytes writing_;  // the loop's alone
    bool waiting_ = false;

    std::mutex mutex_;
    Bytes pending_;
    bool flush_posted_ = false;
    bool refused_ = false;
};

/// Reads a descriptor as long as the guest takes the bytes. The loop does not run after it is gone.
class ConsoleInput {
  public:
    /// Gets bytes (or none, when the guest has room again) and says how many it took.
    using Take = std::function<std::size_t(ByteSpan)>;
    /// Reads from a copy of `fd`.
    ConsoleInput(asio::io_context& loop, int fd, Take take);
    ~ConsoleInput();
    ConsoleInput(const ConsoleInput&) = delete;
    ConsoleInput& operator=(const ConsoleInput&) = delete;

    /// Goes on after `take` had refused some. From the loop's thread.
    void resume();

  private:
    static constexpr std::size_t kChunk = 1024;

    void read_more();
    void deliver();

    asio::io_context& loop_;
    UniqueFd fd_;
    std::optional<asio::posix::stream_descriptor> stream_;
    Take take_;
    Bytes held_;
    bool reading_ = false;
    bool ended_ = false;
};

}  // namespace rvmm::vmm
