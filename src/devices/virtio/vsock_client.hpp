// A client on the host that has connected and not yet said what it wants. Source: Firecracker,
// docs/vsock.md.
#pragma once

#include <chrono>
#include <memory>

#include <asio/steady_timer.hpp>

#include "devices/virtio/vsock_connect_line.hpp"
#include "devices/virtio/vsock_host.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop. Held by one shared_ptr, its owner's.
class VsockClient : public std::enable_shared_from_this<VsockClient> {
  public:
    /// Who is told when it has said it, or has failed to; may end the client from there. Outlives
    /// it.
    class Owner {
      public:
        virtual void decided(VsockClient& client) = 0;

      protected:
        ~Owner() = default;
    };

    VsockClient(VsockHost::Socket socket, Owner& owner)
        : socket_(std::move(socket)), timer_(socket_.get_executor()), owner_(owner) {}
    /// Waits for its line, for so long.
    void start(std::chrono::milliseconds patience);

    /// The port that it asked for, if decided() was called with success.
    std::optional<std::uint32_t> port() const;
    VsockHost::Socket take_socket() { return std::move(socket_); }

  private:
    void wait();
    /// False: the client has gone.
    bool read();
    void decide();

    VsockHost::Socket socket_;
    asio::steady_timer timer_;
    Owner& owner_;
    VsockConnectLine line_;
    bool decided_ = false;
};

}  // namespace rvmm::devices::virtio
