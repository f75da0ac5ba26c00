#include "devices/virtio/vsock_connection.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace rvmm::devices::virtio {

VsockConnection::VsockConnection(Owner& owner, Ports ports, VsockHost::Socket socket,
                                 std::uint32_t capacity, State state)
    : owner_(owner),
      ports_(ports),
      state_(state),
      credit_(capacity),
      stream_(std::make_shared<VsockStream>(std::move(socket),
                                            static_cast<VsockStream::Owner&>(*this))) {
    stream_->open();
}

std::unique_ptr<VsockConnection> VsockConnection::to_guest(Owner& owner, Ports ports,
                                                           VsockHost::Socket socket,
                                                           std::uint32_t capacity) {
    return std::unique_ptr<VsockConnection>(
        new VsockConnection(owner, ports, std::move(socket), capacity, State::kRequestDue));
}

std::unique_ptr<VsockConnection> VsockConnection::from_guest(Owner& owner, Ports ports,
                                                             VsockHost::Socket socket,
                                                             std::uint32_t capacity,
                                                             const VsockHeader& request) {
    std::unique_ptr<VsockConnection> made(
        new VsockConnection(owner, ports, std::move(socket), capacity, State::kResponseDue));
    made->credit_.heard(request);
    return made;
}

void VsockConnection::receive(const VsockHeader& header, const Chain& chain) {
    if (header.op == VsockOp::kReset) return detach();
    if (state_ == State::kResetDue) return;
    if (state_ == State::kRequestDue) return reset();  // it cannot know of it
    if (state_ == State::kRequested && header.op != VsockOp::kResponse) return reset();
    credit_.heard(header);
    switch (header.op) {
        case VsockOp::kResponse:
            return receive_response();
        case VsockOp::kShutdown:
            return receive_shutdown(header.flags);
        case VsockOp::kData:
            return receive_data(header.len, chain);
        case VsockOp::kCreditUpdate:
            return;
        case VsockOp::kCreditRequest:
            update_asked_ = true;
            return;
        default:
            return reset();  // what is not known, or a request for what is there
    }
}

void VsockConnection::receive_response() {
    if (state_ != State::kRequested) return reset();
    state_ = State::kOpen;
    stream_->greet(fmt::format("OK {}\n", ports_.host));
    stream_->watch_input();
}

void VsockConnection::receive_shutdown(std::uint32_t flags) {
    const std::uint32_t fresh = flags & kVsockNothing & ~heard_;
    heard_ |= fresh;
    if ((fresh & kVsockNoReceive) != 0) stream_->refuse_input();
    if ((fresh & kVsockNoSend) != 0) stream_->end_output();
    if (heard_ == kVsockNothing) state_ = State::kResetDue;
}

void VsockConnection::receive_data(std::uint32_t size, const Chain& chain) {
    if (state_ != State::kOpen || (heard_ & kVsockNoSend) != 0 || !credit_.received(size))
        return reset();
    stream_->write(chain, VsockHeader::kSize, size);
    credit_.forwarded(stream_->forwarded());
}

void VsockConnection::reset() {
    if (detached()) return;
    state_ = State::kResetDue;
    heard_ = 0;  // nothing is owed to the host any more
    stream_->close();
}

void VsockConnection::detach() {
    const bool owed = (heard_ & kVsockNoSend) != 0 && !stream_->drained();
    state_ = owed ? State::kLingering : State::kOver;
    if (owed)
        stream_->refuse_input();
    else
        stream_->close();
}

void VsockConnection::stream_changed() {
    switch (state_) {
        case State::kLingering:
            if (stream_->drained()) detach();
            break;
        case State::kRequestDue:
        case State::kRequested:
            if (stream_->hung_up()) reset();
            break;
        case State::kOpen:
            credit_.forwarded(stream_->forwarded());
            // Without credit the end would not be seen by reading.
            if (stream_->input_ready() && credit_.room() == 0) stream_->look_for_end();
            break;
        default:
            break;
    }
    owner_.changed(*this);
}

std::uint32_t VsockConnection::shutdown_due() const {
    const std::uint32_t wanted = (stream_->output_ended() ? kVsockNoReceive : 0) |
                                 (stream_->input_ended() ? kVsockNoSend : 0);
    return wanted & ~told_;
}

bool VsockConnection::may_send() const {
    return stream_->input_ready() && (credit_.room() > 0 || !credit_asked_);
}

bool VsockConnection::has_packet() const {
    switch (state_) {
        case State::kRequestDue:
        case State::kResponseDue:
        case State::kResetDue:
            return true;
        case State::kOpen:
            return shutdown_due() != 0 || update_asked_ || credit_.update_due() || may_send();
        default:
            return false;
    }
}

VsockHeader VsockConnection::send(const Chain& chain) {
    VsockHeader header = {.src_port = ports_.host, .dst_port = ports_.guest};
    switch (state_) {
        case State::kRequestDue:
            header.op = VsockOp::kRequest;
            state_ = State::kRequested;
            break;
        case State::kResponseDue:
            header.op = VsockOp::kResponse;
            state_ = State::kOpen;
            stream_->watch_input();
            break;
        case State::kResetDue:
            header.op = VsockOp::kReset;
            detach();
            break;
        default:
            header.op = send_open(chain, header);
    }
    credit_.tell(header);
    return header;
}

VsockOp VsockConnection::send_open(const Chain& chain, VsockHeader& header) {
    if (shutdown_due() == 0 && !update_asked_ && may_send()) {
        const VsockOp op = send_input(chain, header);
        if (op != VsockOp::kShutdown) return op;
    }
    if (shutdown_due() != 0) {
        header.flags = told_ |= shutdown_due();
        return VsockOp::kShutdown;
    }
    update_asked_ = false;
    return VsockOp::kCreditUpdate;
}

VsockOp VsockConnection::send_input(const Chain& chain, VsockHeader& header) {
    if (credit_.room() == 0) {
        credit_asked_ = true;
        return VsockOp::kCreditRequest;
    }
    credit_asked_ = false;
    const std::size_t most = std::min(credit_.room(), kMaxPayload);
    header.len = static_cast<std::uint32_t>(stream_->read(chain, VsockHeader::kSize, most));
    if (header.len > 0) {
        credit_.sent(header.len);
        return VsockOp::kData;
    }
    // Nothing after all: the chain is there, and an update is never wrong.
    return stream_->input_ended() ? VsockOp::kShutdown : VsockOp::kCreditUpdate;
}

}  // namespace rvmm::devices::virtio
