// Any driver and any peer of a network device: transmit, receive and control chains, bytes of a
// stream or packets of a tap. The device lives, holds no memory between two turns, and can be
// reset.
#include <array>
#include <csignal>
#include <optional>
#include <string>

#include "devices/net/peer.hpp"
#include "devices/net/stream_backend.hpp"
#include "devices/net/tap_backend.hpp"
#include "devices/virtio/driver_queue.hpp"
#include "devices/virtio/frontend.hpp"
#include "devices/virtio/net.hpp"
#include "fuzz/input.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::devices;
using namespace rvmm::devices::virtio;
using fuzz::Input;
using fuzz::require;

constexpr std::size_t kPages = 24;
constexpr std::uint16_t kSize = 16;
constexpr unsigned kQueues = 5;

class NetFuzz : private Frontend::Interrupts {
  public:
    explicit NetFuzz(Input input) : input_(input) {}
    void run();

  private:
    void queue_used(unsigned) override {}
    void config_changed() override {}

    void settle() {
        loop_.restart();
        for (int i = 0; i < 2000 && loop_.poll_one() > 0; ++i) {
        }
        require(memory_.leases() == 0);
    }
    void start(std::uint64_t refused);
    void reset() {
        frontend_->set_status(0);
        settle();
        require(frontend_->status() == 0);
    }
    void add_backend(bool stream);
    Part part();
    void step();

    Input input_;
    TestMemory memory_{kPages};
    asio::io_context loop_{1};
    std::vector<NetPeer> peers_;
    std::shared_ptr<Net> device_;
    std::unique_ptr<Frontend> frontend_;
    std::vector<std::unique_ptr<NetBackend>> backends_;
    std::vector<DriverQueue> queues_;
};

void NetFuzz::add_backend(bool stream) {
    peers_.emplace_back(stream ? SOCK_STREAM : SOCK_SEQPACKET);
    UniqueFd fd = peers_.back().take_other();
    if (stream)
        backends_.push_back(*StreamBackend::create(loop_, std::move(fd)));
    else
        backends_.push_back(*TapBackend::create(
            loop_, std::move(fd), {.headers = true, .offloads = {.checksum = true, .tso4 = true}}));
}

void NetFuzz::start(std::uint64_t refused) {
    Frontend& f = *frontend_;
    f.set_status(kStatusAcknowledge | kStatusDriver);
    for (std::uint32_t word = 0; word < 2; ++word)
        f.set_driver_features(
            word, f.device_features(word) & ~static_cast<std::uint32_t>(refused >> (32 * word)));
    f.set_status(f.status() | kStatusFeaturesOk);
    queues_.clear();
    const bool event_idx = (f.driver_features(0) & kEventIdx) != 0;
    for (unsigned i = 0; i < f.queue_count(); ++i) {
        std::ranges::fill(memory_.at(TestMemory::kBase + i * kPageSize4K, kPageSize4K),
                          std::byte{0});
        const QueueSetup setup = queues_.emplace_back(memory_, kSize, true, event_idx, i).setup();
        using Area = Frontend::Area;
        f.set_queue_size(i, kSize);
        for (const auto& [area, at] :
             {std::pair(Area::kDescriptors, setup.descriptors),
              std::pair(Area::kDriver, setup.driver), std::pair(Area::kDevice, setup.device)})
            for (const bool high : {false, true})
                f.set_queue_address(i, area, high,
                                    static_cast<std::uint32_t>(at.value >> (high ? 32 : 0)));
        f.set_queue_ready(i, true);
    }
    f.set_status(f.status() | kStatusDriverOk);
    settle();
}

Part NetFuzz::part() {
    const std::uint64_t kind = input_.number(1);
    const std::uint64_t at = TestMemory::kBase + kQueues * kPageSize4K +
                             (kind * 257) % ((kPages - kQueues) * kPageSize4K);
    const std::uint64_t size = input_.number(1);
    const auto length = size < 128 ? size : size < 250 ? (size - 127) * 600 : input_.number(4);
    return {at, static_cast<std::uint32_t>(length),
            static_cast<std::uint16_t>(input_.number(1) % 3 == 0 ? 0 : kPartWrite)};
}

void NetFuzz::step() {
    const std::uint64_t what = input_.number(1);
    const auto index = static_cast<unsigned>(input_.number(1) % queues_.size());
    DriverQueue& queue = queues_[index];
    switch (what % 10) {
        case 0:
        case 1:
        case 2: {
            std::vector<Part> parts;
            for (std::uint64_t n = input_.number(1) % 6 + 1; n > 0; --n) parts.push_back(part());
            if (what < 200)  // mostly what the queue is for
                for (Part& p : parts) p.flags = index % 2 == 0 ? kPartWrite : std::uint16_t{0};
            queue.offer(static_cast<std::uint16_t>(input_.number(1) % kSize), std::move(parts));
            break;
        }
        case 3: {  // a control request
            const std::uint64_t at = TestMemory::kBase + (kPages - 1) * kPageSize4K;
            store_le(memory_.at(at, 8), input_.number(4));
            queue.offer(static_cast<std::uint16_t>(input_.number(1) % kSize),
                        {{at, 4}, {at + 8, 1, kPartWrite}});
            break;
        }
        case 4:
        case 5: {  // the peer: a packet, rarely with a wrong length
            std::string bytes(input_.number(what % 20 < 5 ? 2 : 1), '\0');
            for (char& byte : bytes) byte = static_cast<char>(input_.number(1));
            NetPeer& peer = peers_[what / 16 % peers_.size()];
            peer.send_some(what < 230 ? framed(bytes) : bytes);
            break;
        }
        case 6:
            while (!peers_[0].receive().empty() && what < 128) {
            }
            break;
        case 7:
            frontend_->notify(index);
            break;
        case 8:
            settle();
            break;
        default:
            if (what < 160) {
                reset();
                start(what < 80 ? input_.number(3) : 0);
            } else if (what > 230) {
                peers_[what % peers_.size()].close();
            } else if (what > 220) {
                memory_.make_private(kQueues + input_.number(1) % (kPages - kQueues));
            } else {
                queue.set_available_index(static_cast<std::uint16_t>(input_.number(1)));
            }
    }
    if (what % 2 == 0) frontend_->notify(index);
    if (what % 4 == 0) settle();
}

void NetFuzz::run() {
    const std::uint64_t shape = input_.number(1);
    add_backend((shape & 1) != 0);
    if ((shape & 2) != 0) add_backend((shape & 1) != 0);
    device_ =
        *Net::create({.name = "net0",
                      .mtu = (shape & 4) != 0 ? std::optional<std::uint16_t>(600) : std::nullopt},
                     std::move(backends_));
    frontend_ = *Frontend::create(loop_, memory_, device_, *this);
    start((shape & 8) != 0 ? std::uint64_t{kNetMergeRxBuffers} : 0);
    while (!input_.empty()) step();
    settle();
    bool closed = false;
    frontend_->close([&] { closed = true; });
    require(closed && memory_.leases() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    std::signal(SIGPIPE, SIG_IGN);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    NetFuzz(Input(std::as_bytes(std::span(data, size)))).run();
    return 0;
}
