// Takes the connections of a listening Unix stream socket, one after the other.
#pragma once

#include <functional>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm {

/// On the loop, which outlives it. What cannot be taken, for lack of descriptors, is tried again.
class SocketAcceptor {
  public:
    using Socket = asio::local::stream_protocol::socket;

    SocketAcceptor(asio::io_context& loop, std::function<void(Socket)> taken);
    SocketAcceptor(const SocketAcceptor&) = delete;
    SocketAcceptor& operator=(const SocketAcceptor&) = delete;

    /// Once. Errors: Stage::kLaunch.
    Result<> listen(UniqueFd socket);
    /// Takes no more. Once it has listened.
    void close();

  private:
    void accept();

    std::function<void(Socket)> taken_;
    asio::local::stream_protocol::acceptor acceptor_;
    asio::steady_timer retry_;
};

}  // namespace rvmm::vmm
