// A hostile driver of a console: any chains in any queue, any control messages, resets and pages
// that turn private at any time. The device puts what its sinks are for, takes input for ports that
// are open alone, and lets go of everything when it stops.
#include <array>
#include <deque>
#include <optional>
#include <vector>

#include "devices/virtio/console.hpp"
#include "devices/virtio/test_memory.hpp"
#include "fuzz/input.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::devices;
using namespace rvmm::devices::virtio;
using fuzz::Input;
using fuzz::require;

constexpr unsigned kFuzzPorts = 3;
constexpr unsigned kFuzzQueues = 2 + 2 * kFuzzPorts;
constexpr std::uint16_t kFuzzQueueSize = 8;
constexpr std::size_t kFuzzPages = 8;
constexpr std::uint64_t kFuzzBuffers = TestMemory::kBase + 4 * kPageSize4K;

struct FickleSink final : ByteSink {
    bool put(ByteSpan bytes) override {
        require(!bytes.empty() && bytes.size() <= ConsolePort::kPiece);
        if (bytes.size() > room) return false;
        room -= bytes.size();
        return true;
    }
    std::size_t room = 10'000;
};

class ConsoleDriver final : private Session, private ReadyQueue::Owner {
  public:
    explicit ConsoleDriver(Input input);
    void run();

  private:
    // The rings of a queue lie in 1 KiB.
    static std::uint64_t ring(unsigned queue) { return TestMemory::kBase + 1024 * queue; }
    static QueueSetup rings(unsigned queue) {
        return {.size = kFuzzQueueSize,
                .descriptors = Ipa{ring(queue)},
                .driver = Ipa{ring(queue) + 256},
                .device = Ipa{ring(queue) + 512},
                .indirect = true,
                .event_idx = true};
    }
    void start();
    void stop();
    void step();
    void offer(unsigned queue);
    void control();
    void notify(unsigned queue);
    template <typename T>
    void put(std::uint64_t at, T value) {
        store_le(memory_.at(at, sizeof(T)), value);
    }

    bool has(std::uint64_t feature) const override { return (features_ & feature) != 0; }
    ReadyQueue* queue(unsigned index) override {
        return queues_[index] ? &*queues_[index] : nullptr;
    }
    void set_config(Bytes) override {}
    void fail(const Error& error) override {
        require(error.stage() == Stage::kGuest);
        failed_ = true;
    }
    void used(unsigned) override {}
    void broke(unsigned, const Error& error) override { fail(error); }
    void again(unsigned queue) override { again_.push_back(queue); }

    Input input_;
    TestMemory memory_{kFuzzPages};
    asio::io_context loop_{1};
    std::array<FickleSink, kFuzzPorts> sinks_;
    std::shared_ptr<Console> console_;
    std::uint64_t features_ = 0;
    std::array<std::optional<ReadyQueue>, kFuzzQueues> queues_;
    std::array<std::uint16_t, kFuzzQueues> available_{};
    std::deque<unsigned> again_;
    bool started_ = false;
    bool failed_ = false;
};

ConsoleDriver::ConsoleDriver(Input input) : input_(input) {
    ConsoleSetup setup{.name = "fuzz",
                       .ports = {{"", &sinks_[0], true}, {"a.b", &sinks_[1]}, {"", &sinks_[2]}},
                       .size = ConsoleSize{.columns = 80, .rows = 25},
                       .emergency_write = true};
    auto made = Console::create(loop_, std::move(setup));
    require(made.has_value());
    console_ = *std::move(made);
}

void ConsoleDriver::start() {
    const std::uint64_t shape = input_.number(1);
    features_ = shape % 16 == 0 ? 0 : console_->features();
    std::ranges::fill(memory_.at(TestMemory::kBase, 1024 * kFuzzQueues), std::byte{0});
    available_ = {};
    failed_ = false;
    for (unsigned i = 0; i < kFuzzQueues; ++i) {
        queues_[i].reset();
        if (shape >= 240 && i == shape % kFuzzQueues) continue;  // not set up
        auto made = Queue::create(memory_, "fuzz", rings(i));
        if (!made) return;
        queues_[i].emplace(*std::move(made), i, static_cast<ReadyQueue::Owner&>(*this));
    }
    started_ = true;
    console_->start(*this);
}

void ConsoleDriver::stop() {
    if (!std::exchange(started_, false)) return;
    unsigned stopped = 0;
    console_->stop([&] { ++stopped; });
    require(stopped == 1 && memory_.leases() == 0);
    for (unsigned port = 0; port < kFuzzPorts; ++port) require(!console_->is_open(port));
    for (auto& queue : queues_) queue.reset();
    again_.clear();
}

void ConsoleDriver::offer(unsigned queue) {
    const std::uint64_t kind = input_.number(1);
    const std::size_t count = 1 + kind % 3;
    const auto head = static_cast<std::uint16_t>(input_.number(1) % kFuzzQueueSize);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t part = input_.number(2);
        const std::uint64_t at = ring(queue) + 16 * ((head + i) % kFuzzQueueSize);
        // Mostly in the right direction, in RAM, and short.
        const bool odd = part % 64 == 0;
        const auto write = static_cast<std::uint16_t>((queue % 2 == 0) != odd ? 2 : 0);
        const auto next = static_cast<std::uint16_t>(i + 1 < count ? 1 : 0);
        put(at, part % 61 == 0 ? input_.number(8) : kFuzzBuffers + part % 8192);
        put(at + 8, static_cast<std::uint32_t>(part % 59 == 0 ? input_.number(4) : part / 8));
        put(at + 12, static_cast<std::uint16_t>(write | next | (part % 57 == 0 ? 4 : 0)));
        put(at + 14, static_cast<std::uint16_t>((head + i + 1) % kFuzzQueueSize));
    }
    const QueueSetup setup = rings(queue);
    put(setup.driver.value + 4 + 2U * (available_[queue] % kFuzzQueueSize), head);
    put(setup.driver.value + 2, ++available_[queue]);
    if (kind >= 64) notify(queue);
}

/// A message that is mostly sound, or any bytes.
void ConsoleDriver::control() {
    const std::uint64_t kind = input_.number(1);
    const std::uint64_t at = kFuzzBuffers + 8 * (kind % 16);
    if (kind >= 250) return put(at, input_.number(8));
    put(at, static_cast<std::uint32_t>(kind % 5 == 4 ? UINT32_MAX : kind % 5));
    put(at + 4, static_cast<std::uint16_t>(input_.number(1) % 9));
    put(at + 6, static_cast<std::uint16_t>(kind % 7 == 0 ? kind : 1));
    const std::uint64_t descriptor = ring(3) + 16 * (kind % kFuzzQueueSize);
    put(descriptor, at);
    put(descriptor + 8, std::uint64_t{8});
    const QueueSetup setup = rings(3);
    put(setup.driver.value + 4 + 2U * (available_[3] % kFuzzQueueSize),
        static_cast<std::uint16_t>(kind % kFuzzQueueSize));
    put(setup.driver.value + 2, ++available_[3]);
    notify(3);
}

void ConsoleDriver::notify(unsigned queue) {
    if (started_ && !failed_ && queues_[queue]) console_->notify(queue);
}

void ConsoleDriver::step() {
    const std::uint64_t kind = input_.number(1);
    const auto port = static_cast<unsigned>(kind / 16 % kFuzzPorts);
    switch (kind % 16) {
        case 0:
            stop();
            return start();
        case 1:
        case 2:
        case 3:
            return control();
        case 4: {
            const Bytes typed(input_.number(2) % 6000, std::byte{'t'});
            const bool open = console_->is_open(port);
            require(!open || (started_ && !failed_));
            const std::size_t taken = console_->input(port, typed);
            require(taken <= typed.size() && (open || taken == 0));
            return;
        }
        case 5:
            sinks_[port].room += input_.number(3);
            return console_->output_drained(port);
        case 6:
            return notify(static_cast<unsigned>(input_.number(1) % kFuzzQueues));
        case 7:
            if (kind > 240) memory_.make_private(input_.number(1) % kFuzzPages);
            return console_->config_written(input_.number(1), Bytes(1 + kind / 16 % 8));
        default:
            return offer(static_cast<unsigned>(input_.number(1) % kFuzzQueues));
    }
}

void ConsoleDriver::run() {
    start();
    while (!input_.empty()) {
        step();
        loop_.restart();
        loop_.poll();
        for (auto turns = again_.size(); turns > 0 && !again_.empty(); --turns) {
            const unsigned queue = again_.front();
            again_.pop_front();
            notify(queue);
        }
    }
    stop();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ConsoleDriver(Input(std::as_bytes(std::span(data, size)))).run();
    return 0;
}
