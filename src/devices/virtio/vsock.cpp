#include "devices/virtio/vsock.hpp"

#include <array>
#include <utility>

#include <asio/post.hpp>

#include "devices/virtio/vsock_unix_host.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr std::array<std::uint16_t, 3> kVsockQueues = {128, 128, 16};

// What one turn gives the guest at most, so that others have theirs.
constexpr unsigned kVsockTurnPackets = 64;
constexpr std::uint64_t kVsockTurnBytes = 1ULL << 20;

bool is_reserved_cid(std::uint32_t cid) {
    return cid <= kVsockHostCid || cid == UINT32_MAX;
}

}  // namespace

Vsock::Vsock(asio::io_context& loop, std::string name, std::uint32_t guest_cid,
             std::shared_ptr<VsockHost> host, std::size_t max_connections)
    : loop_(loop),
      name_(std::move(name)),
      guest_cid_(guest_cid),
      router_(guest_cid, std::move(host), [this] { wake(); }, max_connections) {}

Result<std::shared_ptr<Vsock>> Vsock::create(asio::io_context& loop, std::string name,
                                             std::uint32_t guest_cid, std::filesystem::path path) {
    auto host = VsockUnixHost::create(loop, std::move(path));
    if (!host) return std::unexpected(std::move(host).error().with_context(name));
    return create(loop, std::move(name), guest_cid, *std::move(host));
}

Result<std::shared_ptr<Vsock>> Vsock::create(asio::io_context& loop, std::string name,
                                             std::uint32_t guest_cid,
                                             std::shared_ptr<VsockHost> host,
                                             std::size_t max_connections) {
    if (is_reserved_cid(guest_cid))
        return rvmm::fail(Stage::kConfig, "{}: CID {} is reserved: a guest's are 3 to 4294967294",
                          name, guest_cid);
    return std::shared_ptr<Vsock>(
        new Vsock(loop, std::move(name), guest_cid, std::move(host), max_connections));
}

std::span<const std::uint16_t> Vsock::queue_sizes() const {
    return kVsockQueues;
}

Bytes Vsock::config() const {
    Bytes config(sizeof(std::uint64_t));
    store_le(MutableByteSpan(config), std::uint64_t{guest_cid_});
    return config;
}

std::vector<Counter> Vsock::counters() const {
    const VsockRouter::Counters& c = router_.counters();
    return {{"connections", c.connections}, {"tx_packets", c.packets_in},
            {"rx_packets", c.packets_out},  {"tx_bytes", c.bytes_in},
            {"rx_bytes", c.bytes_out},      {"rx_resets", c.resets},
            {"dropped_packets", c.dropped}};
}

void Vsock::start(Session& session) {
    session_ = &session;
    failed_ = false;
    held_ = false;
    router_.open();
}

void Vsock::stop(std::function<void()> stopped) {
    router_.close();
    session_ = nullptr;
    stopped();
}

bool Vsock::works() const {
    if (session_ == nullptr || failed_) return false;
    for (const unsigned index : {kReceive, kTransmit})
        if (const ReadyQueue* queue = session_->queue(index); queue != nullptr && queue->broken())
            return false;
    return true;
}

void Vsock::fail(const Error& error) {
    failed_ = true;
    session_->fail(error);
}

void Vsock::notify(unsigned queue) {
    if (queue == kTransmit) held_ = true;
    if (queue != kEvent) turn();  // there are no events: nothing moves a guest elsewhere
}

void Vsock::wake() {
    if (std::exchange(awake_, true)) return;
    asio::post(loop_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->awake_ = false;
        self->turn();
    });
}

void Vsock::turn() {
    if (session_ == nullptr) return;
    router_.tidy();
    if (works() && held_ && !router_.congested()) transmit();
    ReadyQueue* receive = session_->queue(kReceive);
    if (works() && receive != nullptr) fill(*receive);
    if (!works()) return router_.close();  // no use to anyone until the driver resets it
    if (held_ && !router_.congested()) wake();
}

void Vsock::transmit() {
    held_ = false;
    session_->queue(kTransmit)->serve([this](Chain& chain) -> std::optional<std::uint32_t> {
        if (failed_) return {};
        if (chain.readable_size() < VsockHeader::kSize || chain.writable_size() != 0) {
            fail({Stage::kGuest, fmt::format("{}: a packet of {} bytes, and {} to write", name_,
                                             chain.readable_size(), chain.writable_size())});
            return {};
        }
        router_.receive(chain);
        return 0;
    });
}

void Vsock::fill(ReadyQueue& queue) {
    auto visit = queue.visit();
    visit.disarm();
    std::uint64_t bytes = 0;
    for (unsigned left = kVsockTurnPackets; router_.has_packet(); --left) {
        if (left == 0 || bytes >= kVsockTurnBytes) return wake();
        auto chain = visit.next();
        if (!chain) {
            if (!visit.rearm()) return;
            continue;
        }
        if (chain->writable_size() < VsockHeader::kSize || chain->readable_size() != 0)
            return fail({Stage::kGuest,
                         fmt::format("{}: room for a packet of {} bytes, and {} to "
                                     "read",
                                     name_, chain->writable_size(), chain->readable_size())});
        const std::uint32_t written = router_.send(*chain);
        visit.complete(*std::move(chain), written);
        bytes += written;
    }
}

}  // namespace rvmm::devices::virtio
