#include "devices/virtio/net_transmitter.hpp"

#include "devices/virtio/pieces.hpp"

namespace rvmm::devices::virtio {

void NetTransmitter::start(Session& session, ReadyQueue* queue) {
    session_ = &session;
    queue_ = queue;
    waiting_ = false;
}

void NetTransmitter::sendable() {
    waiting_ = false;
    notify();
}

void NetTransmitter::notify() {
    if (queue_ == nullptr || waiting_) return;
    auto visit = queue_->visit();
    visit.disarm();
    for (int left = kNetTurn; left > 0; --left) {
        auto chain = visit.next();
        if (!chain) {
            if (!visit.rearm()) return;
            visit.disarm();
            continue;
        }
        switch (send(*chain)) {
            case Step::kDone:
                visit.complete(*std::move(chain), 0);
                break;
            case Step::kLater:
                visit.put_back(*std::move(chain));
                waiting_ = true;
                return backend_.await_sendable();
            case Step::kFailed:
                return stop();
        }
    }
    queue_->again();
}

NetTransmitter::Step NetTransmitter::send(const Chain& chain) {
    constexpr std::size_t kHeader = NetBackend::kHeaderSize;
    const std::uint64_t size = chain.readable_size();
    if (size < kHeader) {
        session_->fail({Stage::kGuest, fmt::format("{} bytes to send, less than a header", size)});
        return Step::kFailed;
    }
    const std::uint64_t frame = size - kHeader;
    auto sent = NetBackend::Sent::kDropped;
    if (frame >= NetBackend::kMinFrame && frame <= NetBackend::kMaxFrame) {
        const std::size_t count = gather(chain, backend_.has_headers() ? 0 : kHeader);
        sent = backend_.send(std::span(pieces_).first(count));
    }
    if (sent == NetBackend::Sent::kLater) return Step::kLater;
    if (sent == NetBackend::Sent::kDropped) {
        ++traffic_.dropped;
    } else {
        ++traffic_.packets;
        traffic_.bytes += frame;
    }
    return Step::kDone;
}

/// Makes pieces_ of the chain's bytes from `offset` on; a copy, if they are too many.
std::size_t NetTransmitter::gather(const Chain& chain, std::size_t offset) {
    std::size_t count = 0;
    const auto size = static_cast<std::size_t>(chain.readable_size()) - offset;
    for_each_piece(chain.readable(), offset, size, [&](MutableByteSpan piece, std::size_t) {
        if (count < pieces_.size()) pieces_[count] = {piece.data(), piece.size()};
        ++count;
    });
    if (count <= pieces_.size()) return count;
    pieces_[0] = {scratch_.data(), chain.read(offset, scratch_.first(size))};
    return 1;
}

}  // namespace rvmm::devices::virtio
