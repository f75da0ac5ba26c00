#include "devices/virtio/vsock_router.hpp"

#include <algorithm>
#include <array>

namespace rvmm::devices::virtio {

void VsockRouter::close() {
    host_->close();
    table_.clear();
    turns_.clear();
    lingering_.clear();
    resets_due_.clear();
    promised_ = 0;
}

void VsockRouter::receive(const Chain& chain) {
    std::array<std::byte, VsockHeader::kSize> bytes = {};
    chain.read(0, bytes);
    const VsockHeader header = VsockHeader::decode(bytes);
    ++counters_.packets_in;
    if (header.src_cid != guest_cid_ || header.dst_cid != kVsockHostCid) {
        ++counters_.dropped;
        return;
    }
    if (header.type != kVsockStream) return answer_with_reset(header);
    const Ports ports = {.host = header.dst_port, .guest = header.src_port};
    const auto at = table_.find(ports);
    const bool whole = header.len <= chain.readable_size() - VsockHeader::kSize;
    if (at == table_.end()) {
        if (header.op == VsockOp::kRequest && whole) return receive_request(ports, header);
        return answer_with_reset(header);
    }
    if (header.op == VsockOp::kData && whole) counters_.bytes_in += header.len;
    if (whole)
        at->second.connection->receive(header, chain);
    else
        at->second.connection->reset();
    if (at->second.connection->detached())
        drop_detached(at);
    else
        give_turn(at);
}

void VsockRouter::receive_request(Ports ports, const VsockHeader& header) {
    if (!make_room()) return answer_with_reset(header);
    auto socket = host_->dial(ports.host);
    if (!socket) return answer_with_reset(header);
    add(VsockConnection::from_guest(*this, ports, *std::move(socket), buffer_for_one(), header));
}

void VsockRouter::asked(VsockHost::Socket socket, std::uint32_t port) {
    if (!make_room()) return;  // which closes the socket
    add(VsockConnection::to_guest(*this, unused_ports(port), std::move(socket), buffer_for_one()));
    wake_();
}

VsockConnection::Ports VsockRouter::unused_ports(std::uint32_t guest_port) {
    Ports ports = {.host = 0, .guest = guest_port};
    do {
        ports.host = next_port_++;
        if (next_port_ == 2 * kFirstPort) next_port_ = kFirstPort;
    } while (table_.contains(ports));
    return ports;
}

void VsockRouter::add(std::unique_ptr<VsockConnection> connection) {
    ++counters_.connections;
    promised_ += connection->capacity();
    const Ports ports = connection->ports();
    give_turn(table_.emplace(ports, Entry{std::move(connection)}).first);
}

bool VsockRouter::make_room() {
    if (connections() < max_connections_) return true;
    const auto at = std::ranges::find_if(
        table_, [](const auto& entry) { return entry.second.connection->abandoned(); });
    if (at == table_.end()) return false;
    owe_reset(at->first, kVsockStream);
    forget(*take(at));
    return true;
}

std::uint32_t VsockRouter::buffer_for_one() const {
    const std::size_t others = max_connections_ - connections() - 1;
    return promised_ + kBuffer + others * kSmallBuffer <= kAllBuffers ? kBuffer : kSmallBuffer;
}

void VsockRouter::answer_with_reset(const VsockHeader& header) {
    if (header.op != VsockOp::kReset)
        owe_reset({.host = header.dst_port, .guest = header.src_port}, header.type);
}

void VsockRouter::owe_reset(Ports ports, std::uint16_t type) {
    resets_due_.push_back({.src_port = ports.host, .dst_port = ports.guest, .type = type});
}

void VsockRouter::give_turn(Table::iterator at) {
    if (at->second.has_turn || !at->second.connection->has_packet()) return;
    at->second.has_turn = true;
    turns_.push_back(at->first);
}

void VsockRouter::changed(const VsockConnection& connection) {
    const auto at = table_.find(connection.ports());
    // The ports of one that lingers may be another's by now.
    if (at != table_.end() && at->second.connection.get() == &connection) give_turn(at);
    wake_();
}

std::unique_ptr<VsockConnection> VsockRouter::take(Table::iterator at) {
    if (at->second.has_turn) std::erase(turns_, at->first);
    auto connection = std::move(at->second.connection);
    table_.erase(at);
    return connection;
}

void VsockRouter::drop_detached(Table::iterator at) {
    auto connection = take(at);
    if (connection->over())
        forget(*connection);
    else
        lingering_.push_back(std::move(connection));
}

void VsockRouter::tidy() {
    std::erase_if(lingering_, [this](const auto& connection) {
        if (connection->over()) forget(*connection);
        return connection->over();
    });
}

bool VsockRouter::has_packet() {
    if (!resets_due_.empty()) return true;
    // What was due may be so no more: the guest wants nothing now, or said how it stands.
    for (; !turns_.empty(); turns_.pop_front()) {
        Entry& first = table_.find(turns_.front())->second;
        if (first.connection->has_packet()) return true;
        first.has_turn = false;
    }
    return false;
}

VsockHeader VsockRouter::next_header(const Chain& chain) {
    if (!resets_due_.empty()) {
        const VsockHeader header = resets_due_.front();
        resets_due_.pop_front();
        return header;
    }
    const auto at = table_.find(turns_.front());
    turns_.pop_front();
    at->second.has_turn = false;
    const VsockHeader header = at->second.connection->send(chain);
    if (at->second.connection->detached())
        drop_detached(at);
    else
        give_turn(at);
    return header;
}

std::uint32_t VsockRouter::send(const Chain& chain) {
    VsockHeader header = next_header(chain);
    header.src_cid = kVsockHostCid;
    header.dst_cid = guest_cid_;
    std::array<std::byte, VsockHeader::kSize> bytes = {};
    header.encode(bytes);
    chain.write(0, bytes);
    ++counters_.packets_out;
    counters_.bytes_out += header.len;
    if (header.op == VsockOp::kReset) ++counters_.resets;
    return static_cast<std::uint32_t>(VsockHeader::kSize + header.len);
}

}  // namespace rvmm::devices::virtio
