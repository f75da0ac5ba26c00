#include "devices/net/stream_backend.hpp"

#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <sys/socket.h>

namespace rvmm::devices {
namespace {

std::size_t total_size(std::span<const iovec> parts) {
    std::size_t total = 0;
    for (const iovec& part : parts) total += part.iov_len;
    return total;
}

}  // namespace

Result<std::unique_ptr<StreamBackend>> StreamBackend::create(asio::io_context& loop,
                                                             UniqueFd socket) {
    RVMM_TRY(FdWatch watch, FdWatch::create(loop, std::move(socket), "the network's socket"));
    return std::unique_ptr<StreamBackend>(new StreamBackend(std::move(watch)));
}

NetBackend::Sent StreamBackend::send(std::span<const iovec> packet) {
    if (!flush()) return link_up() ? Sent::kLater : Sent::kDropped;
    std::uint32_t prefix = htonl(static_cast<std::uint32_t>(total_size(packet)));
    std::array<iovec, kMaxPieces + 1> parts = {{{&prefix, kPrefix}}};
    std::ranges::copy(packet, parts.begin() + 1);
    msghdr message = {};
    message.msg_iov = parts.data();
    message.msg_iovlen = packet.size() + 1;
    while (true) {
        const ssize_t n = ::sendmsg(watch_.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            keep(std::span(parts).first(packet.size() + 1), static_cast<std::size_t>(n));
            return Sent::kDone;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return Sent::kLater;
        down(Error::from_errno(Stage::kLaunch, "cannot send to the network's socket", errno));
        return Sent::kDropped;
    }
}

void StreamBackend::keep(std::span<const iovec> parts, std::size_t sent) {
    for (const iovec& part : parts) {
        const std::size_t skip = std::min(sent, part.iov_len);
        sent -= skip;
        const ByteSpan left(static_cast<const std::byte*>(part.iov_base) + skip,
                            part.iov_len - skip);
        rest_.insert(rest_.end(), left.begin(), left.end());
    }
    if (!rest_.empty()) watch_.await_writable();
}

/// Sends what is left of a frame; whether another can follow.
bool StreamBackend::flush() {
    while (rest_sent_ < rest_.size() && link_up()) {
        const ssize_t n = ::send(watch_.fd(), rest_.data() + rest_sent_, rest_.size() - rest_sent_,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            rest_sent_ += static_cast<std::size_t>(n);
        } else if (errno == EAGAIN) {
            return false;
        } else if (errno != EINTR) {
            down(Error::from_errno(Stage::kLaunch, "cannot send to the network's socket", errno));
        }
    }
    rest_.clear();
    rest_sent_ = 0;
    return link_up();
}

void StreamBackend::await_sendable() {
    wanted_ = true;
    watch_.await_writable();
}

void StreamBackend::writable() {
    if (!flush()) return watch_.await_writable();
    if (std::exchange(wanted_, false) && user_ != nullptr) user_->sendable();
}

std::size_t StreamBackend::frame_length() const {
    std::uint32_t length = 0;
    std::memcpy(&length, buffer_.data() + begin_, kPrefix);
    return ntohl(length);
}

bool StreamBackend::whole_frame() const {
    return buffered() >= kPrefix && buffered() - kPrefix >= frame_length();
}

std::optional<std::size_t> StreamBackend::receive(std::span<const iovec> room) {
    while (link_up()) {
        if (buffered() >= kPrefix && frame_length() > kMaxFrame) {
            down(Error(Stage::kLaunch,
                       fmt::format("the network's peer sent a frame of {} bytes", frame_length())));
            break;
        }
        if (!whole_frame()) {
            if (!fill()) break;
            continue;
        }
        const ByteSpan frame = ByteSpan(buffer_).subspan(begin_ + kPrefix, frame_length());
        begin_ += kPrefix + frame.size();
        std::size_t done = 0;
        for (const iovec& part : room) {
            const std::size_t size = std::min(part.iov_len, frame.size() - done);
            if (size == 0) continue;
            std::memcpy(part.iov_base, frame.data() + done, size);
            done += size;
        }
        return done;
    }
    return {};
}

/// Reads more, behind what is the beginning of a frame; whether there was something.
bool StreamBackend::fill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, buffered());
    end_ = buffered();
    begin_ = 0;
    while (true) {
        const ssize_t n =
            ::recv(watch_.fd(), buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
        if (n > 0) {
            end_ += static_cast<std::size_t>(n);
            return true;
        }
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return false;
        down(n == 0 ? Error(Stage::kLaunch, "the network's peer closed the connection")
                    : Error::from_errno(Stage::kLaunch, "cannot read the network's socket", errno));
        return false;
    }
}

void StreamBackend::await_receivable() {
    if (whole_frame())
        watch_.post_readable();
    else
        watch_.await_readable();
}

void StreamBackend::readable() {
    if (user_ != nullptr) user_->receivable();
}

void StreamBackend::down(const Error& error) {
    watch_.close();
    begin_ = end_ = 0;
    rest_.clear();
    rest_sent_ = 0;
    if (user_ != nullptr) user_->link_down(error);
}

}  // namespace rvmm::devices
