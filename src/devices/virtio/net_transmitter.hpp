// A transmit queue of a network device: chains become packets of the backend, straight from guest
// memory. Source: virtio 1.3, section 5.1.6.2.
#pragma once

#include <span>

#include "devices/net/net_backend.hpp"
#include "devices/virtio/device.hpp"
#include "devices/virtio/net_format.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop. Between two turns it holds no chain: one that the backend has no room
/// for goes back to the queue, where it stays the next.
class NetTransmitter {
  public:
    /// `backend` and `scratch` (NetBackend::kMaxFrame + kHeaderSize bytes, for one call at a time)
    /// outlive it.
    NetTransmitter(NetBackend& backend, MutableByteSpan scratch)
        : backend_(backend), scratch_(scratch) {}

    /// From here to stop() it serves `queue`, if there is one.
    void start(Session& session, ReadyQueue* queue);
    void stop() { queue_ = nullptr; }

    /// The driver has notified.
    void notify();
    /// The backend has room again.
    void sendable();

    const NetTraffic& traffic() const { return traffic_; }

  private:
    enum class Step : std::uint8_t { kDone, kLater, kFailed };
    Step send(const Chain& chain);
    std::size_t gather(const Chain& chain, std::size_t offset);

    NetBackend& backend_;
    MutableByteSpan scratch_;
    Session* session_ = nullptr;
    ReadyQueue* queue_ = nullptr;
    bool waiting_ = false;  // for room in the backend
    std::array<iovec, NetBackend::kMaxPieces> pieces_ = {};
    NetTraffic traffic_;
};

}  // namespace rvmm::devices::virtio
