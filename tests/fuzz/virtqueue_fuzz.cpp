// Any rings, any descriptors, changed at any time: what a queue gives out lies in shared memory and
// within its bounds, and ends with its leases.
#include <array>
#include <optional>
#include <vector>

#include "devices/virtio/queue.hpp"
#include "devices/virtio/test_memory.hpp"
#include "fuzz/input.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::devices;
using namespace rvmm::devices::virtio;
using fuzz::Input;
using fuzz::require;

constexpr std::size_t kPages = 4;
constexpr std::size_t kRam = kPages * kPageSize4K;

class Driver {
  public:
    explicit Driver(Input input) : input_(input) {}
    void run();

  private:
    std::uint64_t address() {
        const std::uint64_t kind = input_.number(1);
        const std::uint64_t near = TestMemory::kBase + input_.number(2) % (kRam + 64);
        if (kind < 200) return near;
        if (kind < 240) return near | TestMemory::kSharedBit;
        return input_.number(8);
    }
    void descriptor(std::uint64_t at);
    void take(Queue::Batch& batch);
    void step(Queue::Batch& batch);

    Input input_;
    TestMemory memory_{kPages};
    QueueSetup setup_;
    std::optional<Queue> queue_;
    std::vector<Chain> held_;
};

void Driver::descriptor(std::uint64_t at) {
    std::array<std::byte, 16> part{};
    store_le(MutableByteSpan(part), address());
    const std::uint64_t kind = input_.number(1);
    const auto length = kind < 240 ? kind : input_.number(4);
    store_le(MutableByteSpan(part).subspan(8), static_cast<std::uint32_t>(length));
    store_le(MutableByteSpan(part).subspan(12), static_cast<std::uint16_t>(input_.number(1) % 8));
    store_le(MutableByteSpan(part).subspan(14), static_cast<std::uint16_t>(input_.number(1) % 34));
    (void)memory_.write(Ipa{at}, part);
}

void Driver::take(Queue::Batch& batch) {
    const bool was_broken = queue_->broken();
    auto chain = batch.next();
    if (!chain) {
        require(queue_->broken() && chain.error().stage() == Stage::kGuest);
        return;
    }
    if (!*chain) return;
    require(!was_broken && queue_->in_flight() <= setup_.size);
    std::uint64_t total = 0;
    const MutableByteSpan ram = memory_.at(TestMemory::kBase, kRam);
    for (const auto parts : {(*chain)->readable(), (*chain)->writable()})
        for (const Lease& lease : parts) {
            const MutableByteSpan bytes = lease.bytes();
            require(!bytes.empty() && bytes.data() >= ram.data() &&
                    bytes.data() + bytes.size() <= ram.data() + ram.size());
            total += bytes.size();
        }
    require(total == (*chain)->readable_size() + (*chain)->writable_size());
    require(total > 0 && total <= Queue::kMaxBytes);
    held_.push_back(**std::move(chain));
}

void Driver::step(Queue::Batch& batch) {
    switch (input_.number(1) % 10) {
        case 0:
        case 1:
            descriptor(setup_.descriptors.value + 16 * (input_.number(1) % 33));
            break;
        case 2:
            descriptor(address());
            break;
        case 3: {  // an available ring's word: flags, index, entries
            std::array<std::byte, 2> word{};
            const std::uint64_t offset = 2 * (input_.number(1) % 36);
            store_le(MutableByteSpan(word), static_cast<std::uint16_t>(input_.number(1)));
            (void)memory_.write(setup_.driver + offset, word);
            break;
        }
        case 4:
        case 5:
            take(batch);
            break;
        case 6: {
            if (held_.empty()) break;
            const std::size_t at = input_.number(1) % held_.size();
            std::array<std::byte, 300> bytes{};
            (void)held_[at].read(input_.number(2), bytes);
            (void)held_[at].write(input_.number(2), bytes);
            std::swap(held_[at], held_.back());
            batch.complete(std::move(held_.back()), static_cast<std::uint32_t>(input_.number(4)));
            held_.pop_back();
            break;
        }
        case 7:
            (void)batch.wants_interrupt();
            break;
        case 8:
            if (input_.number(1) % 2 == 0)
                batch.disarm();
            else
                (void)batch.rearm();
            break;
        default:
            if (input_.number(1) % 8 == 0) memory_.make_private(input_.number(1) % kPages);
    }
}

void Driver::run() {
    const std::uint64_t shape = input_.number(1);
    setup_ = {.size = static_cast<std::uint16_t>(1U << (shape % 6)),
              .descriptors = Ipa{TestMemory::kBase},
              .driver = Ipa{TestMemory::kBase + 1024},
              .device = Ipa{TestMemory::kBase + 2048},
              .indirect = (shape & 64) != 0,
              .event_idx = (shape & 128) != 0};
    if (shape % 64 > 50) setup_.device = Ipa{address()};
    if (shape % 64 > 55) setup_.size = static_cast<std::uint16_t>(input_.number(2));
    auto queue = Queue::create(memory_, "fuzz", setup_);
    if (queue) {
        queue_ = *std::move(queue);
        while (!input_.empty()) {
            auto batch = queue_->begin();
            if (!batch) break;
            for (int i = 0; i < 12 && !input_.empty(); ++i) step(*batch);
        }
    }
    held_.clear();
    require(memory_.leases() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Driver(Input(std::as_bytes(std::span(data, size)))).run();
    return 0;
}
