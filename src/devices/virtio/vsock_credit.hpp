// How much the two ends of a vsock connection may send each other: counters of bytes, which wrap.
// Source: virtio 1.3, section 5.10.6.3. The guest is the peer.
#pragma once

#include <cstdint>

#include "devices/virtio/vsock_packet.hpp"

namespace rvmm::devices::virtio {

class VsockCredit {
  public:
    /// `capacity`: bytes of the guest's that are kept here at most.
    explicit VsockCredit(std::uint32_t capacity) : capacity_(capacity) {}

    std::uint32_t capacity() const { return capacity_; }
    /// The guest sent that much: whether it had been told that there is room.
    bool received(std::uint32_t bytes) {
        if (bytes > capacity_ - (received_ - told_)) return false;
        received_ += bytes;
        return true;
    }
    /// That much of it, in all, is kept no longer.
    void forwarded(std::uint32_t total) { forwarded_ = total; }
    /// The guest should hear of it: half of its room, or more, is there without its knowing.
    bool update_due() const { return forwarded_ - told_ >= capacity_ / 2; }
    /// Every packet to the guest says how it stands.
    void tell(VsockHeader& header) {
        header.buf_alloc = capacity_;
        header.fwd_cnt = told_ = forwarded_;
    }

    /// Every packet of the guest does.
    void heard(const VsockHeader& header) {
        peer_capacity_ = header.buf_alloc;
        // An older count is of no use (a driver may queue packets in another order than it counts),
        // and one of more than was sent is of no meaning.
        if (header.fwd_cnt - peer_forwarded_ <= in_flight()) peer_forwarded_ = header.fwd_cnt;
    }
    /// Bytes that the guest has room for.
    std::uint32_t room() const {
        return in_flight() < peer_capacity_ ? peer_capacity_ - in_flight() : 0;
    }
    void sent(std::uint32_t bytes) { sent_ += bytes; }

  private:
    std::uint32_t in_flight() const { return sent_ - peer_forwarded_; }

    std::uint32_t capacity_;
    std::uint32_t received_ = 0;
    std::uint32_t forwarded_ = 0;
    std::uint32_t told_ = 0;
    std::uint32_t peer_capacity_ = 0;
    std::uint32_t peer_forwarded_ = 0;
    std::uint32_t sent_ = 0;
};

}  // namespace rvmm::devices::virtio
