// Frames over a connected stream socket, each after its length as a 32-bit big-endian number: what
// passt speaks, and QEMU's `-netdev stream`. Source: passt(1); QEMU's documentation of -netdev.
#pragma once

#include <memory>

#include "base/bytes.hpp"
#include "devices/net/fd_watch.hpp"
#include "devices/net/net_backend.hpp"

namespace rvmm::devices {

/// What the peer sends is checked: a frame that is too long ends the connection.
class StreamBackend final : public NetBackend, private FdWatch::Owner {
  public:
    /// Takes `socket`. Errors (Stage::kHostCannot): it cannot be waited for.
    static Result<std::unique_ptr<StreamBackend>> create(asio::io_context& loop, UniqueFd socket);

    void set_user(User* user) override { user_ = user; }
    bool link_up() const override { return watch_.fd() >= 0; }
    Sent send(std::span<const iovec> packet) override;
    void await_sendable() override;
    std::optional<std::size_t> receive(std::span<const iovec> room) override;
    std::size_t next_size() const override { return whole_frame() ? frame_length() : 0; }
    void await_receivable() override;

  private:
    static constexpr std::size_t kPrefix = 4;
    // Small frames come many at a time: reading them with one call is worth the copy.
    static constexpr std::size_t kBuffer = std::size_t{128} << 10;

    explicit StreamBackend(FdWatch watch) : watch_(std::move(watch)), buffer_(kBuffer) {
        watch_.set_owner(*this);
    }
    void readable() override;
    void writable() override;

    std::size_t buffered() const { return end_ - begin_; }
    bool whole_frame() const;
    std::size_t frame_length() const;
    bool fill();
    bool flush();
    void keep(std::span<const iovec> parts, std::size_t sent);
    void down(const Error& error);

    FdWatch watch_;
    User* user_ = nullptr;
    Bytes buffer_;  // received: [begin_, end_)
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    // The rest of a frame that the socket took a part of: a copy, for it must go out whatever
    // becomes of the guest's memory.
    Bytes rest_;
    std::size_t rest_sent_ = 0;
    bool wanted_ = false;  // await_sendable() was called
};

}  // namespace rvmm::devices
