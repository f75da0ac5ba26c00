#include "devices/virtio/vsock_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <poll.h>
#include <sys/socket.h>

namespace rvmm::devices::virtio {
namespace {

/// The first pieces of a range of guest memory, as many as one call takes.
template <typename Buffer>
class VsockPieces {
  public:
    using value_type = Buffer;
    using const_iterator = const Buffer*;

    VsockPieces(std::span<const Lease> parts, std::size_t offset, std::size_t size) {
        for (const Lease& part : parts) {
            const MutableByteSpan bytes = part.bytes();
            const std::size_t skip = std::min(offset, bytes.size());
            const std::size_t count = std::min(size, bytes.size() - skip);
            offset -= skip;
            if (count == 0) continue;
            pieces_[count_++] = Buffer(bytes.data() + skip, count);
            size -= count;
            bytes_ += count;
            if (count_ == pieces_.size()) break;
        }
    }
    const_iterator begin() const { return pieces_.data(); }
    const_iterator end() const { return pieces_.data() + count_; }
    std::size_t bytes() const { return bytes_; }

  private:
    std::array<Buffer, 64> pieces_;  // Asio's own limit
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

bool is_vsock_later(const asio::error_code& error) {
    return error == asio::error::would_block || error == asio::error::try_again ||
           error == asio::error::interrupted;
}

}  // namespace

template <typename Then>
void VsockStream::wait(VsockHost::Socket::wait_type what, Then then) {
    socket_.async_wait(what, [weak = weak_from_this(), then](const asio::error_code& error) {
        const auto self = weak.lock();
        if (self && self->socket_.is_open() && error != asio::error::operation_aborted) then(*self);
    });
}

void VsockStream::open() {
    wait(VsockHost::Socket::wait_error, [](VsockStream& self) { self.check_hang_up(); });
}

void VsockStream::close() {
    asio::error_code ignored;
    socket_.close(ignored);
    input_ready_ = false;
    buffer_ = {};
    buffer_start_ = 0;
}

void VsockStream::check_hang_up() {
    // Urgent data wakes this too, and means nothing.
    pollfd poll = {.fd = socket_.native_handle(), .events = 0, .revents = 0};
    if (::poll(&poll, 1, 0) != 1 || (poll.revents & (POLLHUP | POLLERR)) == 0) return;
    hung_up_ = true;
    output_failed();
    owner_.stream_changed();
}

void VsockStream::watch_input() {
    if (watching_input_ || input_ready_ || input_ended_ || input_refused_ || !socket_.is_open())
        return;
    watching_input_ = true;
    wait(VsockHost::Socket::wait_read, [](VsockStream& self) {
        self.watching_input_ = false;
        self.input_ready_ = !self.input_refused_;
        self.owner_.stream_changed();
    });
}

std::size_t VsockStream::read(const Chain& chain, std::size_t offset, std::size_t size) {
    const VsockPieces<asio::mutable_buffer> into(chain.writable(), offset, size);
    if (into.bytes() == 0) return 0;
    asio::error_code error;
    const std::size_t count = socket_.read_some(into, error);
    if (error && !is_vsock_later(error)) input_ended_ = true;
    // A full chain says nothing of what is left.
    input_ready_ = !error && count == into.bytes() && socket_.available(error) > 0 && !error;
    watch_input();
    return count;
}

void VsockStream::look_for_end() {
    std::byte byte = {};
    const auto seen = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (seen > 0) return;
    input_ready_ = false;
    if (seen == 0 || (errno != EAGAIN && errno != EINTR)) input_ended_ = true;
    watch_input();
}

void VsockStream::refuse_input() {
    input_refused_ = true;
    input_ready_ = false;
    asio::error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_receive, ignored);
}

void VsockStream::write(const Chain& chain, std::size_t offset, std::size_t size) {
    std::size_t sent = 0;
    if (output_ended_) sent = size;
    if (drained() && sent < size) {
        asio::error_code error;
        sent = socket_.write_some(VsockPieces<asio::const_buffer>(chain.readable(), offset, size),
                                  error);
        if (error && !is_vsock_later(error)) {
            output_failed();
            sent = size;
        }
    }
    forwarded_ += static_cast<std::uint32_t>(sent);
    if (sent < size) keep(chain, offset + sent, size - sent);
}

void VsockStream::keep(const Chain& chain, std::size_t offset, std::size_t size) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(buffer_start_));
    buffer_start_ = 0;
    const std::size_t before = buffer_.size();
    buffer_.resize(before + size);
    chain.read(offset, MutableByteSpan(buffer_).subspan(before));
    watch_output();
}

void VsockStream::greet(std::string_view text) {
    asio::error_code error;
    // A socket without anything in it takes a line, unless the other end is gone.
    if (socket_.write_some(asio::buffer(text.data(), text.size()), error) != text.size())
        output_failed();
}

void VsockStream::watch_output() {
    if (watching_output_ || !socket_.is_open()) return;
    watching_output_ = true;
    wait(VsockHost::Socket::wait_write, [](VsockStream& self) {
        self.watching_output_ = false;
        self.flush();
        self.owner_.stream_changed();
    });
}

void VsockStream::flush() {
    if (drained()) return;
    asio::error_code error;
    const std::size_t sent =
        socket_.write_some(asio::buffer(buffer_.data() + buffer_start_, buffered()), error);
    if (error && !is_vsock_later(error)) return output_failed();
    buffer_start_ += sent;
    forwarded_ += static_cast<std::uint32_t>(sent);
    if (!drained()) return watch_output();
    buffer_ = {};
    buffer_start_ = 0;
    if (output_ending_) end_output();
}

void VsockStream::end_output() {
    output_ending_ = true;
    if (!drained()) return;
    asio::error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void VsockStream::output_failed() {
    output_ended_ = true;
    forwarded_ += static_cast<std::uint32_t>(buffered());
    buffer_ = {};
    buffer_start_ = 0;
}

}  // namespace rvmm::devices::virtio
