#include "devices/virtio/vsock_client.hpp"

#include <array>

#include <asio/buffer.hpp>
#include <asio/error.hpp>

namespace rvmm::devices::virtio {

void VsockClient::start(std::chrono::milliseconds patience) {
    timer_.expires_after(patience);
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        if (const auto self = weak.lock(); self && !error) self->decide();
    });
    wait();
}

void VsockClient::wait() {
    socket_.async_wait(
        VsockHost::Socket::wait_read, [weak = weak_from_this()](const asio::error_code& error) {
            const auto self = weak.lock();
            if (!self || self->decided_) return;
            if (error || !self->read() || self->line_.state() != VsockConnectLine::State::kMore)
                return self->decide();
            self->wait();
        });
}

bool VsockClient::read() {
    // What follows the line is for the guest, and stays in the socket.
    std::array<std::byte, VsockConnectLine::kMax> bytes = {};
    asio::error_code error;
    const std::size_t seen =
        socket_.receive(asio::buffer(bytes), asio::socket_base::message_peek, error);
    if (error) return error == asio::error::would_block || error == asio::error::try_again;
    const std::size_t taken = line_.take(ByteSpan(bytes).first(seen));
    return socket_.receive(asio::buffer(bytes.data(), taken), 0, error) == taken;
}

void VsockClient::decide() {
    if (decided_) return;
    decided_ = true;
    timer_.cancel();
    owner_.decided(*this);
}

std::optional<std::uint32_t> VsockClient::port() const {
    if (line_.state() != VsockConnectLine::State::kPort) return {};
    return line_.port();
}

}  // namespace rvmm::devices::virtio
