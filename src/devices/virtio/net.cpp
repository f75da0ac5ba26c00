#include "devices/virtio/net.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace rvmm::devices::virtio {
namespace {

struct OffloadFeature {
    bool Offloads::* offload;
    std::uint64_t host;   // the guest leaves it to us
    std::uint64_t guest;  // and we to the guest
};
constexpr std::array<OffloadFeature, 5> kOffloadFeatures = {{
    {&Offloads::checksum, kNetCsum, kNetGuestCsum},
    {&Offloads::tso4, kNetHostTso4, kNetGuestTso4},
    {&Offloads::tso6, kNetHostTso6, kNetGuestTso6},
    {&Offloads::ecn, kNetHostEcn, kNetGuestEcn},
    {&Offloads::ufo, kNetHostUfo, kNetGuestUfo},
}};

}  // namespace

/// Two queues and their backend.
class Net::Pair final : public NetBackend::User {
  public:
    Pair(Net& net, std::size_t index, std::unique_ptr<NetBackend> given, MutableByteSpan scratch)
        : backend(std::move(given)),
          receiver(*backend, scratch),
          transmitter(*backend, scratch),
          net_(net),
          index_(index) {}

    void receivable() override {
        if (index_ < net_.used_pairs_) receiver.receivable();
    }
    void sendable() override { transmitter.sendable(); }
    void link_down(const Error& error) override { net_.link_down(error); }

    std::unique_ptr<NetBackend> backend;
    NetReceiver receiver;
    NetTransmitter transmitter;

  private:
    Net& net_;
    std::size_t index_;
};

Result<std::shared_ptr<Net>> Net::create(Config config,
                                         std::vector<std::unique_ptr<NetBackend>> backends) {
    if (backends.empty() || backends.size() > kMaxPairs)
        return fail(Stage::kInternal, "{}: {} pairs of queues", config.name, backends.size());
    if (config.mtu && *config.mtu < 68)
        return fail(Stage::kInternal, "{}: an MTU of {}", config.name, *config.mtu);
    return std::shared_ptr<Net>(new Net(std::move(config), std::move(backends)));
}

Net::Net(Config config, std::vector<std::unique_ptr<NetBackend>> backends)
    : config_(std::move(config)),
      scratch_(NetBackend::kMaxFrame + NetBackend::kHeaderSize),
      queue_sizes_(2 * backends.size(), kQueueSize) {
    for (auto& backend : backends) {
        link_up_ = link_up_ && backend->link_up();
        pairs_.push_back(
            std::make_unique<Pair>(*this, pairs_.size(), std::move(backend), scratch_));
    }
    if (multi_queue()) queue_sizes_.push_back(kControlQueueSize);
    for (std::size_t i = 1; i < pairs_.size(); ++i) pairs_[i]->backend->attach(false);
}

Net::~Net() = default;

std::uint64_t Net::features() const {
    std::uint64_t offered = kNetMac | kNetStatus | kNetMergeRxBuffers;
    if (config_.mtu) offered |= kNetMtu;
    if (multi_queue()) offered |= kNetControlQueue | kNetMultiQueue;
    const NetBackend& backend = *pairs_[0]->backend;
    const Offloads offloads = backend.has_headers() ? backend.offloads() : Offloads{};
    for (const OffloadFeature& feature : kOffloadFeatures)
        if (offloads.*feature.offload) offered |= feature.host | feature.guest;
    return offered;
}

Bytes Net::config() const {
    Bytes space(kNetConfigSize);
    std::ranges::copy(std::as_bytes(std::span(config_.mac)), space.begin());
    const MutableByteSpan at(space);
    store_le(at.subspan(kNetConfigStatus), link_up_ ? kNetLinkUp : std::uint16_t{0});
    store_le(at.subspan(kNetConfigPairs), static_cast<std::uint16_t>(pairs_.size()));
    store_le(at.subspan(kNetConfigMtu), config_.mtu.value_or(0));
    return space;
}

/// What the guest takes; each is of use only with the checksum (section 5.1.3.1).
Offloads Net::accepted_offloads() const {
    Offloads offloads;
    if (!session_->has(kNetGuestCsum)) return offloads;
    for (const OffloadFeature& feature : kOffloadFeatures)
        offloads.*feature.offload = session_->has(feature.guest);
    return offloads;
}

void Net::start(Session& session) {
    session_ = &session;
    NetReceiver::Terms terms;
    terms.merge = session.has(kNetMergeRxBuffers);
    terms.checksum = session.has(kNetGuestCsum);
    if (session.has(kNetMtu)) terms.mtu = config_.mtu;
    pairs_[0]->backend->set_offloads(accepted_offloads());
    const std::size_t usable = session.has(kNetMultiQueue) ? pairs_.size() : 1;
    for (unsigned i = 0; i < usable; ++i) {
        Pair& pair = *pairs_[i];
        pair.backend->set_user(&pair);
        pair.receiver.start(session, session.queue(2 * i), terms);
        pair.transmitter.start(session, session.queue(2 * i + 1));
    }
    used_pairs_ = 1;
}

/// Its place depends on what was negotiated (section 5.1.2).
unsigned Net::control_queue() const {
    return static_cast<unsigned>(session_->has(kNetMultiQueue) ? 2 * pairs_.size() : 2);
}

void Net::notify(unsigned queue) {
    if (session_->has(kNetControlQueue) && queue == control_queue())
        return serve_control(*session_->queue(queue));
    if (queue / 2 >= used_pairs_) return;
    Pair& pair = *pairs_[queue / 2];
    if (queue % 2 == 0)
        pair.receiver.notify();
    else
        pair.transmitter.notify();
}

void Net::use_pairs(std::size_t count) {
    const std::size_t before = std::exchange(used_pairs_, count);
    for (std::size_t i = count; i < before; ++i) pairs_[i]->backend->attach(false);
    for (std::size_t i = before; i < count; ++i) {
        pairs_[i]->backend->attach(true);
        pairs_[i]->receiver.receivable();
        pairs_[i]->transmitter.notify();
    }
}

void Net::serve_control(ReadyQueue& queue) {
    queue.serve([this](Chain& chain) -> std::optional<std::uint32_t> {
        if (chain.writable_size() == 0) {
            session_->fail({Stage::kGuest, "a control request without room for the answer"});
            return 0;
        }
        const std::array<std::byte, 1> answer = {static_cast<std::byte>(control(chain))};
        return static_cast<std::uint32_t>(chain.write(0, answer));
    });
}

std::uint8_t Net::control(const Chain& chain) {
    std::array<std::byte, 4> request = {};
    if (chain.readable_size() != request.size()) return kNetControlError;
    chain.read(0, request);
    const auto count = load_le<std::uint16_t>(ByteSpan(request).subspan(2));
    const bool pairs_set = request[0] == std::byte{kNetControlMq} &&
                           request[1] == std::byte{kNetControlMqPairsSet} &&
                           session_->has(kNetMultiQueue);
    if (!pairs_set || count == 0 || count > pairs_.size()) return kNetControlError;
    use_pairs(count);
    return kNetControlOk;
}

void Net::link_down(const Error& error) {
    if (!std::exchange(link_up_, false)) return;
    warn("{} has no link any more: {}", name(), error.message());
    if (session_ != nullptr) session_->set_config(config());
}

void Net::stop(std::function<void()> stopped) {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
        Pair& pair = *pairs_[i];
        pair.backend->set_user(nullptr);
        pair.receiver.stop();
        pair.transmitter.stop();
        if (i != 0) pair.backend->attach(false);
    }
    session_ = nullptr;
    used_pairs_ = 0;
    stopped();
}

std::vector<Counter> Net::counters() const {
    NetTraffic rx;
    NetTraffic tx;
    const auto add = [](NetTraffic& sum, const NetTraffic& traffic) {
        sum.packets += traffic.packets;
        sum.bytes += traffic.bytes;
        sum.dropped += traffic.dropped;
    };
    for (const auto& pair : pairs_) {
        add(rx, pair->receiver.traffic());
        add(tx, pair->transmitter.traffic());
    }
    return {{"rx_packets", rx.packets}, {"rx_bytes", rx.bytes}, {"rx_dropped", rx.dropped},
            {"tx_packets", tx.packets}, {"tx_bytes", tx.bytes}, {"tx_dropped", tx.dropped}};
}

}  // namespace rvmm::devices::virtio
