#include "devices/virtio/net_receiver.hpp"

#include <algorithm>

#include "devices/virtio/pieces.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr std::size_t kRxHeader = NetBackend::kHeaderSize;
/// Ethernet's header and two VLAN tags, which an MTU does not count.
constexpr std::size_t kLinkHeader = 14 + 8;

}  // namespace

void NetReceiver::start(Session& session, ReadyQueue* queue, const Terms& terms) {
    session_ = &session;
    queue_ = queue;
    terms_ = terms;
    starved_ = true;
    expected_ = 0;
}

void NetReceiver::stop() {
    queue_ = nullptr;
    held_.clear();
    taken_.clear();
    room_ = parts_ = 0;
}

void NetReceiver::notify() {
    if (starved_) receivable();
}

void NetReceiver::receivable() {
    if (queue_ == nullptr) return;
    starved_ = false;
    auto visit = queue_->visit();
    visit.disarm();
    auto last = Step::kAgain;
    for (int left = kNetTurn; left > 0 && last == Step::kAgain; --left) last = step(visit);
    put_back(visit);
    if (queue_ == nullptr) return;
    const bool held = last == Step::kAgain && !held_.empty();
    starved_ = last == Step::kNoRoom || held;
    if (held) return queue_->again();
    if (!starved_) backend_.await_receivable();
}

NetReceiver::Step NetReceiver::step(Visit& visit) {
    const bool held = !held_.empty();
    const std::size_t known = held ? held_.size() : backend_.next_size();
    if (!gather(visit, kRxHeader + (known != 0 ? known : expected_))) return Step::kNoRoom;
    if (taken_.empty() || (room_ < kRxHeader + known && may_grow())) return wait_for_room(visit);
    return held ? deliver(visit, 0, held_) : receive(visit);
}

/// Takes chains until they have `room`, or there are no more; false if the driver broke the device.
bool NetReceiver::gather(Visit& visit, std::size_t room) {
    while (taken_.empty() || (terms_.merge && room_ < room)) {
        auto chain = visit.next();
        if (!chain) break;
        if (chain->writable_size() < kRxHeader) {
            const std::uint64_t size = chain->writable_size();
            visit.put_back(*std::move(chain));
            queue_ = nullptr;
            session_->fail(
                {Stage::kGuest, fmt::format("a buffer of {} bytes to receive in", size)});
            return false;
        }
        room_ += static_cast<std::size_t>(chain->writable_size());
        parts_ += chain->readable().size() + chain->writable().size();
        taken_.push_back(*std::move(chain));
    }
    return true;
}

/// Whether the driver could have more chains for one packet than it has given so far.
bool NetReceiver::may_grow() const {
    return terms_.merge && parts_ < queue_->size();
}

/// The driver has to say when there is more; if it has meanwhile, what was taken is of use still.
NetReceiver::Step NetReceiver::wait_for_room(Visit& visit) {
    if (!visit.rearm()) return Step::kNoRoom;
    visit.disarm();
    return Step::kAgain;
}

NetReceiver::Step NetReceiver::receive(Visit& visit) {
    const Mapped mapped = map_room();
    const std::size_t first = backend_.has_headers() ? 0 : 1;
    header_.fill(std::byte{0});
    const auto got = backend_.receive(std::span(pieces_).subspan(first, mapped.pieces - first));
    if (!got) return Step::kNoPacket;
    const std::size_t size = *got - (first == 0 ? std::min(*got, kRxHeader) : 0);
    if (!acceptable(size)) {
        ++traffic_.dropped;
        return Step::kAgain;
    }
    expected_ = std::max(size, expected_ - expected_ / 8);
    const std::size_t direct = std::min(size, mapped.bytes);
    return deliver(visit, direct, scratch_.first(size - direct));
}

/// pieces_: the header, the taken chains' bytes behind theirs, and the scratch.
NetReceiver::Mapped NetReceiver::map_room() {
    pieces_[0] = {header_.data(), header_.size()};
    Mapped mapped{1, 0};
    std::size_t offset = kRxHeader;
    for (const Chain& chain : taken_) {
        for_each_piece(chain.writable(), offset, SIZE_MAX, [&](MutableByteSpan piece, std::size_t) {
            if (mapped.pieces > NetBackend::kMaxPieces) return;
            pieces_[mapped.pieces++] = {piece.data(), piece.size()};
            mapped.bytes += piece.size();
        });
        offset = 0;
    }
    pieces_[mapped.pieces++] = {scratch_.data(), scratch_.size()};
    return mapped;
}

bool NetReceiver::acceptable(std::size_t size) const {
    if (size < NetBackend::kMinFrame || size > NetBackend::kMaxFrame) return false;
    const bool segments =
        (std::to_integer<std::uint8_t>(header_[kNetHdrGsoType]) & ~kNetGsoEcn) != 0;
    return !terms_.mtu || segments || size <= *terms_.mtu + kLinkHeader;
}

/// The packet of header_ is in the taken chains as far as `direct` bytes, and then in `rest`.
NetReceiver::Step NetReceiver::deliver(Visit& visit, std::size_t direct, ByteSpan rest) {
    const std::size_t total = kRxHeader + direct + rest.size();
    if (!gather(visit, total)) return Step::kNoRoom;
    if (room_ < total && may_grow()) {
        if (held_.empty()) hold(direct, rest);
        return wait_for_room(visit);
    }
    if (room_ < total) {
        ++traffic_.dropped;
    } else {
        std::size_t skip = kRxHeader + direct;
        for (const Chain& chain : taken_) {
            rest = rest.subspan(chain.write(skip, rest));
            skip -= std::min<std::size_t>(skip, chain.writable_size());
        }
        complete(visit, total);
        ++traffic_.packets;
        traffic_.bytes += total - kRxHeader;
    }
    held_.clear();
    return Step::kAgain;
}

void NetReceiver::hold(std::size_t direct, ByteSpan rest) {
    std::size_t offset = kRxHeader;
    for (const Chain& chain : taken_) {
        for_each_piece(chain.writable(), offset, direct - held_.size(),
                       [&](MutableByteSpan piece, std::size_t) {
                           held_.insert(held_.end(), piece.begin(), piece.end());
                       });
        offset = 0;
    }
    held_.insert(held_.end(), rest.begin(), rest.end());
}

/// Gives the driver what of the taken chains is needed for `total` bytes, all at once.
void NetReceiver::complete(Visit& visit, std::size_t total) {
    std::size_t count = 0;
    for (std::size_t room = 0; room < total; ++count)
        room += static_cast<std::size_t>(taken_[count].writable_size());
    if (!terms_.checksum) header_[kNetHdrFlags] = std::byte{0};
    store_le(MutableByteSpan(header_).subspan(kNetHdrNumBuffers),
             static_cast<std::uint16_t>(count));
    taken_.front().write(0, header_);
    for (std::size_t i = 0; i < count; ++i) {
        Chain& chain = taken_[i];
        const auto size = static_cast<std::size_t>(chain.writable_size());
        const auto used = static_cast<std::uint32_t>(std::min(size, total));
        total -= used;
        room_ -= size;
        parts_ -= chain.readable().size() + chain.writable().size();
        if (i + 1 < count)
            visit.fill(std::move(chain), used);
        else
            visit.complete(std::move(chain), used);
    }
    taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(count));
}

void NetReceiver::put_back(Visit& visit) {
    for (; !taken_.empty(); taken_.pop_back()) visit.put_back(std::move(taken_.back()));
    room_ = parts_ = 0;
}

}  // namespace rvmm::devices::virtio
