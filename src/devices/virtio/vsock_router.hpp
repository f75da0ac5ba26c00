// All connections of a vsock device: which one a packet of the guest belongs to, and whose turn it
// is to send one to it. Source: virtio 1.3, section 5.10.6.
//
// What the guest can make this keep is bounded: connections, what they buffer together, and resets
// that nobody's connection stands for.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "devices/virtio/vsock_connection.hpp"
#include "devices/virtio/vsock_host.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop.
class VsockRouter final : private VsockHost::Clients, private VsockConnection::Owner {
  public:
    static constexpr std::size_t kMaxConnections = 1024;
    /// Bytes of the guest's that a connection buffers, of many connections each, and all together.
    static constexpr std::uint32_t kBuffer = 64U << 10;
    static constexpr std::uint32_t kSmallBuffer = 4U << 10;
    static constexpr std::uint32_t kAllBuffers = 16U << 20;
    /// Host ports of connections to the guest begin here, as Firecracker's do.
    static constexpr std::uint32_t kFirstPort = 1U << 30;

    /// `wake` is called when a host's doing made work: then call tidy(), and send(). It does not do
    /// so itself.
    VsockRouter(std::uint32_t guest_cid, std::shared_ptr<VsockHost> host,
                std::function<void()> wake, std::size_t max_connections = kMaxConnections)
        : guest_cid_(guest_cid),
          host_(std::move(host)),
          wake_(std::move(wake)),
          max_connections_(max_connections) {}
    ~VsockRouter() { close(); }

    void open() { host_->open(*this); }
    /// Ends all connections, and hears no clients.
    void close();

    /// A packet of the guest: at least a header.
    void receive(const Chain& chain);
    /// Nothing of the guest's is to be received until some of what is due to it was sent.
    bool congested() const { return resets_due_.size() >= kManyResets; }
    bool has_packet();
    /// Writes the next packet to a chain with room for a header at least; returns its size. Only
    /// if has_packet().
    std::uint32_t send(const Chain& chain);
    /// Lets go of connections that ended by themselves.
    void tidy();

    struct Counters {
        std::uint64_t connections = 0;  // ever
        std::uint64_t packets_in = 0;   // from the guest
        std::uint64_t packets_out = 0;
        std::uint64_t bytes_in = 0;  // payload
        std::uint64_t bytes_out = 0;
        std::uint64_t resets = 0;   // sent
        std::uint64_t dropped = 0;  // packets that are nobody's
    };
    const Counters& counters() const { return counters_; }
    std::size_t connections() const { return table_.size() + lingering_.size(); }
    /// Bytes that may be buffered now.
    std::uint32_t promised() const { return promised_; }

  private:
    using Ports = VsockConnection::Ports;
    struct Entry {
        std::unique_ptr<VsockConnection> connection;
        bool has_turn = false;
    };
    using Table = std::map<Ports, Entry>;
    static constexpr std::size_t kManyResets = 256;

    void asked(VsockHost::Socket socket, std::uint32_t port) override;
    void changed(const VsockConnection& connection) override;

    void receive_request(Ports ports, const VsockHeader& header);
    void add(std::unique_ptr<VsockConnection> connection);
    void give_turn(Table::iterator at);
    std::unique_ptr<VsockConnection> take(Table::iterator at);
    void drop_detached(Table::iterator at);
    void forget(const VsockConnection& connection) { promised_ -= connection.capacity(); }
    bool make_room();
    std::uint32_t buffer_for_one() const;
    VsockHeader next_header(const Chain& chain);
    void answer_with_reset(const VsockHeader& header);
    void owe_reset(Ports ports, std::uint16_t type);
    Ports unused_ports(std::uint32_t guest_port);

    std::uint32_t guest_cid_;
    std::shared_ptr<VsockHost> host_;
    std::function<void()> wake_;
    std::size_t max_connections_;
    Table table_;
    std::deque<Ports> turns_;  // those with something to send, each once
    std::vector<std::unique_ptr<VsockConnection>> lingering_;
    std::deque<VsockHeader> resets_due_;
    std::uint32_t next_port_ = kFirstPort;
    std::uint32_t promised_ = 0;
    Counters counters_;
};

}  // namespace rvmm::devices::virtio
