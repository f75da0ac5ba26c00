#include "vmm/lab/link.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <asio/write.hpp>
#include <poll.h>

namespace rvmm::vmm::lab {
namespace {

// How long a socket, or the other end, may take for the last bytes of a side that is gone.
constexpr auto kLastBytes = std::chrono::seconds(5);

std::unexpected<Error> breach(std::string_view what) {
    return fail(Stage::kLaunch, "the two ends of a link in the lab disagree: {}", what);
}

/// Whether the socket's peer has closed it, and not only its sending half.
bool is_hung_up(int fd) {
    pollfd state = {.fd = fd, .events = 0, .revents = 0};
    return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

Link::Link(asio::io_context& loop, std::uint64_t id, Send send, std::function<void()> gone)
    : id_(id), send_(std::move(send)), gone_(std::move(gone)), socket_(loop), patience_(loop) {}

void Link::start(Socket socket) {
    socket_ = std::move(socket);
    started_ = true;
    read();
    write();
}

void Link::close() {
    if (closed_) return;
    closed_ = true;
    patience_.cancel();
    asio::error_code ignored;
    socket_.close(ignored);
    tell(LinkClose{});
    if (other_closed_) gone_();
}

void Link::close_later() {
    patience_.expires_after(kLastBytes);
    patience_.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
        if (!cancelled) self->close();
    });
}

void Link::tell(decltype(LinkMessage::what) what) {
    send_({id_, std::move(what)});
}

void Link::read() {
    if (!started_ || reading_ || input_ended_ || closed_ || credit_ == 0) return;
    reading_ = true;
    socket_.async_read_some(
        asio::buffer(buffer_, std::min(credit_, buffer_.size())),
        [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
            self->reading_ = false;
            if (self->closed_ || self->input_ended_) return;
            if (error) return self->on_input_end();
            self->credit_ -= size;
            self->tell(LinkData{std::string(self->buffer_.data(), size)});
            self->read();
        });
}

void Link::on_input_end() {
    input_ended_ = true;
    if (shut_ || is_hung_up(socket_.native_handle())) return close();
    tell(LinkEnd{});
}

void Link::write() {
    if (!started_ || closed_ || !writing_.empty()) return;
    if (waiting_.empty()) return on_flushed();
    std::swap(writing_, waiting_);
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
                          if (self->closed_) return;
                          if (error) return self->on_unread();
                          self->on_written(size);
                      });
}

// What comes is not taken any more. The peer may have said something before it went, which the
// other end may not want to know.
void Link::on_unread() {
    unread_ = true;
    if (other_closed_) return close();
    if (is_hung_up(socket_.native_handle())) close_later();
}

void Link::on_written(std::size_t size) {
    writing_.clear();
    untold_ -= size;
    if (!other_closed_) tell(LinkTaken{size});
    write();
}

void Link::on_flushed() {
    if (other_closed_) return close();
    if (!other_ended_ || shut_) return;
    shut_ = true;
    if (input_ended_) return close();
    asio::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
}

Result<> Link::take(const LinkOpen&) {
    return breach("it was open");
}

Result<> Link::take(const LinkData& data) {
    if (other_ended_ || other_closed_) return breach("data after its end");
    if (data.bytes.size() > kLinkWindow - untold_) return breach("more data than there is room");
    untold_ += data.bytes.size();
    if (closed_) return {};  // the other end will know
    waiting_ += data.bytes;
    write();
    return {};
}

Result<> Link::take(const LinkTaken& taken) {
    if (other_closed_) return breach("taken after its end");
    if (taken.bytes > kLinkWindow - credit_) return breach("more taken than was sent");
    credit_ += taken.bytes;
    read();
    return {};
}

Result<> Link::take(const LinkEnd&) {
    if (other_ended_ || other_closed_) return breach("a second end");
    other_ended_ = true;
    write();
    return {};
}

Result<> Link::take(const LinkClose&) {
    if (other_closed_) return breach("a second close");
    other_closed_ = true;
    if (closed_) {
        gone_();
        return {};
    }
    if (!started_ || unread_) {
        close();
        return {};
    }
    input_ended_ = true;
    close_later();
    write();
    return {};
}

}  // namespace rvmm::vmm::lab
