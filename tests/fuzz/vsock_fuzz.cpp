// Any packets of the guest, any doings of the host, in any order: what the guest gets is whole
// packets within its credit and what is bounded stays so; nothing is left behind.
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <sys/socket.h>

#include "base/unique_fd.hpp"
#include "devices/virtio/test_memory.hpp"
#include "devices/virtio/vsock.hpp"
#include "fuzz/input.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::devices;
using namespace rvmm::devices::virtio;
using fuzz::Input;
using fuzz::require;

constexpr std::uint32_t kCid = 3;
constexpr std::uint16_t kSize = 16;
constexpr std::size_t kMaxConnections = 6;

/// A host whose streams are socket pairs; the other ends are its programs'.
class PairHost final : public VsockHost {
  public:
    explicit PairHost(asio::io_context& loop) : loop_(loop) {}
    void open(Clients& clients) override { clients_ = &clients; }
    void close() override { clients_ = nullptr; }
    std::optional<Socket> dial(std::uint32_t port) override {
        if (port % 4 == 3) return {};
        return pair();
    }
    void ask(std::uint32_t port) {
        if (clients_ == nullptr) return;
        if (auto socket = pair()) clients_->asked(*std::move(socket), port);
    }

    std::vector<UniqueFd> programs;

  private:
    std::optional<Socket> pair() {
        std::array<int, 2> fds = {};
        if (programs.size() > 64) return {};
        require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
        programs.emplace_back(fds[1]);
        Socket socket(loop_);
        asio::error_code error;
        socket.assign(asio::local::stream_protocol(), fds[0], error);
        socket.non_blocking(true, error);
        require(!error);
        return socket;
    }

    asio::io_context& loop_;
    Clients* clients_ = nullptr;
};

/// A queue of one-part chains: chain i lies in buffer i.
struct Rings {
    std::uint64_t base;
    std::uint16_t available = 0;
    std::uint16_t seen = 0;
    std::array<bool, kSize> out = {};
};

class World final : private Session, private ReadyQueue::Owner {
  public:
    explicit World(Input input) : input_(input) {}
    void run();

  private:
    static constexpr std::uint64_t kBase = TestMemory::kBase;
    static constexpr std::uint64_t kBuffer = kPageSize4K;

    bool has(std::uint64_t) const override { return false; }
    ReadyQueue* queue(unsigned index) override { return queues_[index].get(); }
    void set_config(Bytes) override {}
    void fail(const Error& error) override {
        require(error.stage() == Stage::kGuest);
        failed_ = true;
    }
    void used(unsigned) override {}
    void broke(unsigned, const Error&) override { failed_ = true; }
    void again(unsigned index) override { rung_[index] = true; }

    void start();
    void stop();
    void offer(unsigned index, std::uint32_t length, bool write);
    std::uint64_t buffer(unsigned index, unsigned slot) const {
        return kBase + (2 + index * kSize + slot) * kBuffer;
    }
    void collect(unsigned index);
    void check(ByteSpan packet);
    void send();
    void host();
    void step();

    Input input_;
    TestMemory memory_{2 + 2 * kSize};
    asio::io_context loop_{1};
    std::shared_ptr<PairHost> host_ = std::make_shared<PairHost>(loop_);
    std::shared_ptr<Vsock> device_;
    std::array<std::unique_ptr<ReadyQueue>, 3> queues_;
    std::array<Rings, 2> rings_ = {};
    std::array<bool, 3> rung_ = {};
    bool failed_ = false;
};

void World::start() {
    std::ranges::fill(memory_.at(kBase, 2 * kPageSize4K), std::byte{0});
    failed_ = false;
    for (unsigned i = 0; i < 2; ++i) {
        rings_[i] = {.base = kBase + i * kPageSize4K};
        auto made = Queue::create(memory_, "fuzz",
                                  {.size = kSize,
                                   .descriptors = Ipa{rings_[i].base},
                                   .driver = Ipa{rings_[i].base + 1024},
                                   .device = Ipa{rings_[i].base + 2048}});
        require(made.has_value());
        queues_[i] = std::make_unique<ReadyQueue>(*std::move(made), i,
                                                  static_cast<ReadyQueue::Owner&>(*this));
    }
    device_->start(*this);
}

void World::stop() {
    int stopped = 0;
    device_->stop([&] { ++stopped; });
    require(stopped == 1 && memory_.leases() == 0);
    require(device_->router().connections() == 0 && device_->router().promised() == 0);
    queues_ = {};
}

void World::offer(unsigned index, std::uint32_t length, bool write) {
    Rings& rings = rings_[index];
    const auto slot = static_cast<std::uint16_t>(rings.available % kSize);
    if (rings.out[slot]) return;
    rings.out[slot] = true;
    const MutableByteSpan at = memory_.at(rings.base + 16U * slot, 16);
    store_le(at, buffer(index, slot));
    store_le(at.subspan(8), length);
    store_le(at.subspan(12), static_cast<std::uint16_t>(write ? 2 : 0));
    store_le(memory_.at(rings.base + 1024 + 4 + 2U * slot, 2), slot);
    store_le(memory_.at(rings.base + 1024 + 2, 2), ++rings.available);
}

void World::collect(unsigned index) {
    Rings& rings = rings_[index];
    const auto now = load_le<std::uint16_t>(memory_.at(rings.base + 2048 + 2, 2));
    for (; rings.seen != now; ++rings.seen) {
        const std::uint64_t entry = rings.base + 2048 + 4 + 8U * (rings.seen % kSize);
        const auto slot = load_le<std::uint32_t>(memory_.at(entry, 4));
        const auto length = load_le<std::uint32_t>(memory_.at(entry + 4, 4));
        require(slot < kSize && rings.out[slot] && length <= kBuffer);
        rings.out[slot] = false;
        if (index == Vsock::kReceive)
            check(memory_.at(buffer(index, slot), length));
        else
            require(length == 0);
    }
}

void World::check(ByteSpan packet) {
    require(packet.size() >= VsockHeader::kSize);
    const VsockHeader header = VsockHeader::decode(packet);
    require(header.src_cid == kVsockHostCid && header.dst_cid == kCid);
    require(packet.size() == VsockHeader::kSize + header.len);
    require(header.len == 0 || header.op == VsockOp::kData);
    require(header.op >= VsockOp::kRequest && header.op <= VsockOp::kCreditRequest);
    require(header.buf_alloc <= VsockRouter::kBuffer);
}

void World::send() {
    const std::uint64_t kind = input_.number(1);
    VsockHeader header = {.src_cid = kCid,
                          .dst_cid = kVsockHostCid,
                          .src_port = static_cast<std::uint32_t>(kind & 3),
                          .dst_port = static_cast<std::uint32_t>((kind >> 2) & 3),
                          .op = static_cast<VsockOp>(input_.number(1) % 9),
                          .flags = static_cast<std::uint32_t>(kind >> 4),
                          .buf_alloc = static_cast<std::uint32_t>(input_.number(2)),
                          .fwd_cnt = static_cast<std::uint32_t>(input_.number(2))};
    // Connections that the host asked for have such ports.
    if ((kind & 64) != 0) header.dst_port += VsockRouter::kFirstPort;
    std::uint64_t length = VsockHeader::kSize;
    if (header.op == VsockOp::kData) length += input_.number(2) % (kBuffer - length + 1);
    header.len = static_cast<std::uint32_t>(length - VsockHeader::kSize);
    if ((kind & 128) != 0) {  // one field is wrong
        switch (input_.number(1) % 6) {
            case 0:
                header.src_cid = input_.number(8);
                break;
            case 1:
                header.dst_cid = input_.number(8);
                break;
            case 2:
                header.type = static_cast<std::uint16_t>(input_.number(2));
                break;
            case 3:
                header.op = static_cast<VsockOp>(input_.number(2));
                break;
            case 4:
                header.len = static_cast<std::uint32_t>(input_.number(4));
                break;
            default:
                length = input_.number(2) % (kBuffer + 1);
        }
    }
    Rings& rings = rings_[Vsock::kTransmit];
    const unsigned slot = rings.available % kSize;
    if (rings.out[slot]) return;
    header.encode(memory_.at(buffer(Vsock::kTransmit, slot), VsockHeader::kSize));
    offer(Vsock::kTransmit, static_cast<std::uint32_t>(length), false);
}

void World::host() {
    const std::uint64_t what = input_.number(1);
    if (what % 8 == 0 || host_->programs.empty())
        return host_->ask(static_cast<std::uint32_t>(what >> 4));
    UniqueFd& program = host_->programs[input_.number(1) % host_->programs.size()];
    Bytes bytes(input_.number(2));
    switch (what % 8) {
        case 1:
        case 2:
        case 3:
            (void)::send(program.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            break;
        case 4:
        case 5:
            (void)::recv(program.get(), bytes.data(), bytes.size(), 0);
            break;
        case 6:
            (void)::shutdown(program.get(), static_cast<int>((what >> 4) % 3));
            break;
        default:
            std::swap(program, host_->programs.back());
            host_->programs.pop_back();
    }
}

void World::step() {
    const std::uint64_t what = input_.number(1);
    switch (what % 16) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
            send();
            break;
        case 5:
        case 6:
        case 7:
            host();
            break;
        case 8:
        case 9: {
            const std::uint64_t kind = input_.number(1);
            const auto room = kind < 240 ? 44 + 16 * kind : input_.number(2) % (kBuffer + 1);
            offer(Vsock::kReceive, static_cast<std::uint32_t>(room), kind != 255);
            break;
        }
        case 10:
        case 11:
            rung_[what % 2] = true;
            break;
        case 12:
            if (what / 16 == 0) {
                stop();
                start();
            }
            break;
        default:
            loop_.restart();
            for (int i = 0; i < 20 && loop_.poll_one() > 0; ++i) {
            }
    }
    for (unsigned i = 0; i < 2; ++i)
        if (std::exchange(rung_[i], false) && !failed_) device_->notify(i);
    require(memory_.leases() == 0);
    require(device_->router().connections() <= kMaxConnections);
    require(device_->router().promised() <= kMaxConnections * VsockRouter::kBuffer);
    for (unsigned i = 0; i < 2; ++i) collect(i);
}

void World::run() {
    auto made = Vsock::create(loop_, "vsock0", kCid, host_, kMaxConnections);
    require(made.has_value());
    device_ = *std::move(made);
    start();
    while (!input_.empty()) step();
    stop();
    loop_.restart();
    while (loop_.poll_one() > 0) {
    }
    device_.reset();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World(Input(std::as_bytes(std::span(data, size)))).run();
    return 0;
}
