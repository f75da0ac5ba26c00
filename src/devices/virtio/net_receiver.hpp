// A receive queue of a network device: packets of the backend fill chains, straight in guest memory
// as far as the size of a packet is known or guessed right. Source: virtio 1.3, sections 5.1.6.3
// and 5.1.6.4.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "devices/net/net_backend.hpp"
#include "devices/virtio/device.hpp"
#include "devices/virtio/net_format.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop. Between two turns it holds no chain: what a packet did not need goes back
/// to the queue. Without chains it takes nothing from the backend, which so learns to wait.
class NetReceiver {
  public:
    /// As NetTransmitter's.
    NetReceiver(NetBackend& backend, MutableByteSpan scratch)
        : backend_(backend), scratch_(scratch) {}

    struct Terms {
        bool merge = false;                     // VIRTIO_NET_F_MRG_RXBUF
        bool checksum = false;                  // VIRTIO_NET_F_GUEST_CSUM
        std::optional<std::uint16_t> mtu = {};  // VIRTIO_NET_F_MTU
    };
    /// From here to stop() it serves `queue`, if there is one.
    void start(Session& session, ReadyQueue* queue, const Terms& terms);
    void stop();

    /// The driver has notified.
    void notify();
    /// The backend may have something.
    void receivable();

    const NetTraffic& traffic() const { return traffic_; }

  private:
    enum class Step : std::uint8_t { kAgain, kNoPacket, kNoRoom };
    using Visit = ReadyQueue::Visit;

    Step step(Visit& visit);
    Step receive(Visit& visit);
    Step deliver(Visit& visit, std::size_t direct, ByteSpan rest);
    Step wait_for_room(Visit& visit);
    bool gather(Visit& visit, std::size_t room);
    bool may_grow() const;
    bool acceptable(std::size_t size) const;
    struct Mapped {
        std::size_t pieces;
        std::size_t bytes;
    };
    Mapped map_room();
    void hold(std::size_t direct, ByteSpan rest);
    void complete(Visit& visit, std::size_t total);
    void put_back(Visit& visit);

    NetBackend& backend_;
    MutableByteSpan scratch_;
    Session* session_ = nullptr;
    ReadyQueue* queue_ = nullptr;
    Terms terms_;
    bool starved_ = true;  // of chains: the driver has to notify

    // Of a turn: chains that were taken, in order, and their writable bytes.
    std::vector<Chain> taken_;
    std::size_t room_ = 0;
    std::size_t parts_ = 0;
    // The header, pieces of the chains, and scratch_ for what these have no room for.
    std::array<iovec, NetBackend::kMaxPieces + 2> pieces_ = {};
    std::array<std::byte, NetBackend::kHeaderSize> header_ = {};

    std::size_t expected_ = 0;  // bytes of the next packet, a guess
    Bytes held_;                // a frame, of header_, that there was not enough room for
    NetTraffic traffic_;
};

}  // namespace rvmm::devices::virtio
