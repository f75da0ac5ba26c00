// The host's side of a vsock device: where the streams come from that it joins to the guest's
// connections. On the machine's loop.
#pragma once

#include <cstdint>
#include <optional>

#include <asio/local/stream_protocol.hpp>

namespace rvmm::devices::virtio {

class VsockHost {
  public:
    /// Non-blocking.
    using Socket = asio::local::stream_protocol::socket;

    /// Who is told of the host's clients.
    class Clients {
      public:
        /// A client wants to talk to whoever listens at `port` in the guest.
        virtual void asked(Socket socket, std::uint32_t port) = 0;

      protected:
        ~Clients() = default;
    };

    virtual ~VsockHost() = default;

    /// Clients are heard from here on. `clients` lives until close().
    virtual void open(Clients& clients) = 0;
    /// No more clients; those that have not said what they want are sent away.
    virtual void close() = 0;
    /// A stream to who listens at the host's `port`; nothing if nobody does. Never waits.
    virtual std::optional<Socket> dial(std::uint32_t port) = 0;
};

}  // namespace rvmm::devices::virtio
