// The host's end of a network device: where the frames of one pair of queues go and come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <sys/uio.h>

#include "base/error.hpp"

namespace rvmm::devices {

/// Work on packets that one side leaves to the other (virtio 1.3, section 5.1.3).
struct Offloads {
    bool checksum = false;  // without it there is none of the others
    bool tso4 = false;
    bool tso6 = false;
    bool ecn = false;
    bool ufo = false;

    friend bool operator==(const Offloads&, const Offloads&) = default;
};

/// On the machine's loop; nothing here waits. A packet is an Ethernet frame without its checksum
/// and, where has_headers(), a virtio_net_hdr_v1 of kHeaderSize bytes before it.
class NetBackend {
  public:
    static constexpr std::size_t kHeaderSize = 12;
    static constexpr std::size_t kMinFrame = 14;
    /// The longest that virtio knows is 65589 bytes (section 5.1.6.3); there may be VLAN tags.
    static constexpr std::size_t kMaxFrame = (std::size_t{64} << 10) + 64;
    static constexpr std::size_t kMaxPieces = 64;

    /// Who is told. Never from within a function that it called, but for link_down().
    class User {
      public:
        /// await_receivable() has its answer: there may be a packet.
        virtual void receivable() = 0;
        /// await_sendable() has: there may be room.
        virtual void sendable() = 0;
        /// The other end is gone, for good: nothing comes any more, and what is sent is dropped.
        virtual void link_down(const Error& error) = 0;

      protected:
        ~User() = default;
    };

    virtual ~NetBackend() = default;
    /// `user` is told from here on, until it is another or nullptr.
    virtual void set_user(User* user) = 0;

    virtual bool link_up() const = 0;
    virtual bool has_headers() const { return false; }
    /// What the backend takes from the guest and could give to it.
    virtual Offloads offloads() const { return {}; }
    /// What the guest takes; all queues of a device have it in common.
    virtual void set_offloads(const Offloads&) {}
    /// Of several queues: whether packets shall come to this one.
    virtual void attach(bool) {}

    enum class Sent : std::uint8_t { kDone, kLater, kDropped };
    /// Sends a packet of at most kMaxPieces pieces. kLater: none of it was taken.
    virtual Sent send(std::span<const iovec> packet) = 0;
    virtual void await_sendable() = 0;

    /// Takes the next packet, cut to what fits into `room`, and returns how many bytes that is; at
    /// most kMaxPieces + 2 pieces.
    virtual std::optional<std::size_t> receive(std::span<const iovec> room) = 0;
    /// Bytes of the next packet, if it is there and the backend knows.
    virtual std::size_t next_size() const { return 0; }
    virtual void await_receivable() = 0;
};

}  // namespace rvmm::devices
