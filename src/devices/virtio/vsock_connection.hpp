// One stream between a port of the guest and a socket on the host: what each packet means in each
// state, and what is due to the guest. Source: virtio 1.3, sections 5.10.6.3 and 5.10.6.5.
//
//   request due ──▶ requested ──▶ open            a client on the host asked for it
//   response due ───────────────▶ open            the guest did
//   any ──▶ reset due ──▶ over                    broken, refused, or shut down both ways
//   reset ──▶ lingering ──▶ over                  the host has yet to take what the guest sent
//                                                 before it shut down
#pragma once

#include <cstdint>
#include <memory>

#include "devices/virtio/vsock_credit.hpp"
#include "devices/virtio/vsock_stream.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop.
class VsockConnection final : private VsockStream::Owner {
  public:
    /// Who is told that a host's doing changed what is due, or the state; outlives the connection,
    /// and does not end it from there.
    class Owner {
      public:
        virtual void changed(const VsockConnection& connection) = 0;

      protected:
        ~Owner() = default;
    };
    struct Ports {
        std::uint32_t host;
        std::uint32_t guest;
        friend auto operator<=>(const Ports&, const Ports&) = default;
    };
    /// What a packet carries behind its header at most.
    static constexpr std::uint32_t kMaxPayload = 64U << 10;

    /// A client on the host asks for the guest's port. `capacity`: as VsockCredit's.
    static std::unique_ptr<VsockConnection> to_guest(Owner& owner, Ports ports,
                                                     VsockHost::Socket socket,
                                                     std::uint32_t capacity);
    /// The guest asked, by `request`, for the port that `socket` leads to.
    static std::unique_ptr<VsockConnection> from_guest(Owner& owner, Ports ports,
                                                       VsockHost::Socket socket,
                                                       std::uint32_t capacity,
                                                       const VsockHeader& request);
    ~VsockConnection() { stream_->close(); }

    Ports ports() const { return ports_; }
    std::uint32_t capacity() const { return credit_.capacity(); }

    /// A packet of the guest, whose payload follows the header in the chain: all of it.
    void receive(const VsockHeader& header, const Chain& chain);
    /// It goes on no more, and the guest is to be told.
    void reset();

    /// There is something to tell the guest.
    bool has_packet() const;
    /// The next packet's header, without the CIDs; its payload is written to the chain behind where
    /// the header goes. Only if has_packet().
    VsockHeader send(const Chain& chain);

    /// The guest knows of it no more: the ports are free.
    bool detached() const { return state_ == State::kLingering || state_ == State::kOver; }
    bool over() const { return state_ == State::kOver; }
    /// The host has gone, the guest was told, and does not answer.
    bool abandoned() const { return told_ == kVsockNothing; }

  private:
    enum class State : std::uint8_t {
        kRequestDue,
        kRequested,
        kResponseDue,
        kOpen,
        kResetDue,
        kLingering,
        kOver
    };

    VsockConnection(Owner& owner, Ports ports, VsockHost::Socket socket, std::uint32_t capacity,
                    State state);
    void receive_response();
    void receive_shutdown(std::uint32_t flags);
    void receive_data(std::uint32_t size, const Chain& chain);
    void detach();
    void stream_changed() override;

    std::uint32_t shutdown_due() const;
    bool may_send() const;
    VsockOp send_open(const Chain& chain, VsockHeader& header);
    VsockOp send_input(const Chain& chain, VsockHeader& header);

    Owner& owner_;
    Ports ports_;
    State state_;
    VsockCredit credit_;
    std::shared_ptr<VsockStream> stream_;
    std::uint32_t heard_ = 0;  // shutdown flags of the guest
    std::uint32_t told_ = 0;   // and those that it was sent
    bool update_asked_ = false;
    bool credit_asked_ = false;
};

}  // namespace rvmm::devices::virtio
