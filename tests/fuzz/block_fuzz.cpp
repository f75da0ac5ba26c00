// Any request to a disk, in any framing, with its memory changed or taken away while it is in
// flight: the disk is touched within its bounds, and everything ends.
#include <array>
#include <vector>

#include "devices/block/memory_backend.hpp"
#include "devices/virtio/block.hpp"
#include "devices/virtio/block_format.hpp"
#include "devices/virtio/ready_queue.hpp"
#include "devices/virtio/test_memory.hpp"
#include "fuzz/input.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::devices;
using namespace rvmm::devices::virtio;
using fuzz::Input;
using fuzz::require;

constexpr std::uint64_t kSectors = 64;
constexpr std::size_t kPages = 8;
constexpr std::uint16_t kEntries = 16;
constexpr unsigned kQueues = 2;

struct Part {
    std::uint64_t address;
    std::uint32_t length;
    bool writable = false;
};

/// The driver's side of a queue, whose rings lie in a page.
class Rings {
  public:
    Rings(TestMemory& memory, unsigned page)
        : memory_(memory), base_(TestMemory::kBase + page * kPageSize4K) {}

    QueueSetup setup() const {
        return {.size = kEntries,
                .descriptors = Ipa{base_},
                .driver = Ipa{base_ + 1024},
                .device = Ipa{base_ + 2048}};
    }
    /// Links the parts through the descriptors that come next, and makes the chain available.
    void offer(const std::vector<Part>& parts) {
        const std::uint16_t head = next_;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const std::uint16_t at = next_;
            next_ = static_cast<std::uint16_t>((next_ + 1) % kEntries);
            const bool last = i + 1 == parts.size();
            put<std::uint64_t>(16 * at, parts[i].address);
            put<std::uint32_t>(16 * at + 8, parts[i].length);
            put<std::uint16_t>(16 * at + 12,
                               static_cast<std::uint16_t>((last ? 0 : 1) | parts[i].writable * 2));
            put<std::uint16_t>(16 * at + 14, next_);
        }
        put<std::uint16_t>(1024 + 4 + 2 * (available_ % kEntries), head);
        put<std::uint16_t>(1024 + 2, ++available_);
    }

  private:
    template <typename T>
    void put(std::uint64_t offset, T value) {
        std::array<std::byte, sizeof(T)> bytes{};
        store_le(MutableByteSpan(bytes), value);
        (void)memory_.write(Ipa{base_ + offset}, bytes);
    }

    TestMemory& memory_;
    std::uint64_t base_;
    std::uint16_t next_ = 0;
    std::uint16_t available_ = 0;
};

/// The transport: queues that are set up, without registers, so that no loop is needed.
class Transport final : public Session, public ReadyQueue::Owner {
  public:
    Transport(TestMemory& memory, std::uint64_t features) : features_(features) {
        for (unsigned i = 0; i < kQueues; ++i) {
            drivers.emplace_back(memory, i);
            auto made = Queue::create(memory, "fuzz", drivers.back().setup());
            require(made.has_value());
            queues_.push_back(std::make_unique<ReadyQueue>(*std::move(made), i, *this));
        }
    }
    bool has(std::uint64_t feature) const override { return (features_ & feature) != 0; }
    ReadyQueue* queue(unsigned index) override { return queues_[index].get(); }
    void set_config(Bytes) override {}
    void fail(const Error& error) override {
        require(error.stage() == Stage::kGuest);
        failed = true;
    }
    void used(unsigned) override {}
    void broke(unsigned, const Error& error) override { fail(error); }
    void again(unsigned) override {}

    std::vector<Rings> drivers;
    bool failed = false;

  private:
    std::uint64_t features_;
    std::vector<std::unique_ptr<ReadyQueue>> queues_;
};

class Guest {
  public:
    explicit Guest(Input input) : input_(input) {}
    void run();

  private:
    std::uint64_t address(std::uint64_t length) {
        const std::uint64_t kind = input_.number(1);
        const std::uint64_t room = (kPages - 2) * kPageSize4K;
        if (kind > 250) return input_.number(8);
        return TestMemory::kBase + 2 * kPageSize4K + input_.number(2) % (room - length % room);
    }
    std::uint32_t length();
    void offer();
    void step();

    Input input_;
    TestMemory memory_{kPages};
    MemoryBackend* disk_ = nullptr;
    std::shared_ptr<Block> block_;
    std::unique_ptr<Transport> transport_;
};

std::uint32_t Guest::length() {
    constexpr std::array<std::uint32_t, 8> kUsual = {1, 16, 17, 20, 32, 512, 513, 1024};
    const std::uint64_t kind = input_.number(1);
    if (kind < 200) return kUsual[kind % kUsual.size()];
    return static_cast<std::uint32_t>(input_.number(kind < 250 ? 1 : 4));
}

void Guest::offer() {
    constexpr std::array<std::uint32_t, 8> kTypes = {0, 1, 4, 8, 11, 13, 0, 1};
    std::array<std::byte, 48> header{};
    const MutableByteSpan bytes(header);
    const std::uint64_t kind = input_.number(1);
    store_le(bytes, kind < 240 ? kTypes[kind % kTypes.size()]
                               : static_cast<std::uint32_t>(input_.number(4)));
    store_le(bytes.subspan(8), input_.number(kind % 16 == 0 ? 8 : 1));
    for (std::size_t at = 16; at < 48; at += 16) {  // as the ranges of a discard
        store_le(bytes.subspan(at), input_.number(kind % 32 == 0 ? 8 : 1));
        store_le(bytes.subspan(at + 8), static_cast<std::uint32_t>(input_.number(1)));
        store_le(bytes.subspan(at + 12), static_cast<std::uint32_t>(input_.number(1) % 3));
    }
    const std::uint64_t place = address(48);
    (void)memory_.write(Ipa{place}, header);
    const std::uint64_t shape = input_.number(1);
    const auto front = static_cast<std::uint32_t>(16 + 16 * ((shape >> 4) % 3));
    std::vector<Part> parts = {{place, shape % 8 == 0 ? length() : front}};
    for (std::uint64_t i = 0; i < shape % 4; ++i) {
        const std::uint32_t size = length();
        parts.push_back({address(size), size, input_.number(1) % 2 == 0});
    }
    if (shape % 32 != 31) parts.push_back({address(1), 1, true});
    transport_->drivers[shape / 4 % kQueues].offer(parts);
}

void Guest::step() {
    switch (input_.number(1) % 8) {
        case 0:
        case 1:
        case 2:
            offer();
            break;
        case 3:
        case 4:
            if (!transport_->failed)
                block_->notify(static_cast<unsigned>(input_.number(1) % kQueues));
            break;
        case 5:
            disk_->run();
            break;
        case 6: {  // the driver changes what is in flight
            const std::array<std::byte, 2> change{static_cast<std::byte>(input_.number(1)),
                                                  static_cast<std::byte>(input_.number(1))};
            (void)memory_.write(Ipa{address(2)}, change);
            break;
        }
        default:
            if (input_.number(1) % 16 == 0) memory_.make_private(input_.number(1) % kPages);
    }
}

void Guest::run() {
    const std::uint64_t shape = input_.number(1);
    auto disk = std::make_unique<MemoryBackend>(kSectors, Block::depth_of(kQueues), shape % 8 == 0);
    disk_ = disk.get();
    if (shape % 8 == 1)
        disk_->instead = [this](const BlockRequest::Call&) -> std::int64_t {
            constexpr std::array<std::int64_t, 6> kResults = {0, 0, -EINTR, -EIO, -EOPNOTSUPP, 1};
            return kResults[input_.number(1) % kResults.size()];
        };
    auto made = Block::create(std::move(disk), {.name = "fuzz", .serial = "x", .queues = kQueues});
    require(made.has_value());
    block_ = *std::move(made);
    const Bytes before = disk_->image;
    transport_ = std::make_unique<Transport>(memory_, (shape & 16) != 0 ? UINT64_MAX : 0);
    block_->start(*transport_);
    while (!input_.empty()) step();
    unsigned stopped = 0;
    block_->stop([&] { ++stopped; });
    while (disk_->waiting() > 0) disk_->run();
    require(stopped == 1 && memory_.leases() == 0);
    require(shape % 8 != 0 || disk_->image == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Guest(Input(std::as_bytes(std::span(data, size)))).run();
    return 0;
}
