#include "devices/virtio/frontend.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <asio/post.hpp>

#include "base/log.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr unsigned kMostConfigWrites = 64;  // that wait for the loop
constexpr auto kResetPatience = std::chrono::seconds(5);
constexpr std::uint64_t kAlways = kVersion1 | kAccessPlatform;

constexpr std::uint32_t word_of(std::uint64_t value, std::uint32_t word) {
    return word < 2 ? static_cast<std::uint32_t>(value >> (32 * word)) : 0;
}

constexpr void set_word(std::uint64_t& value, std::uint32_t word, std::uint32_t bits) {
    if (word >= 2) return;
    value &= ~(std::uint64_t{UINT32_MAX} << (32 * word));
    value |= std::uint64_t{bits} << (32 * word);
}

}  // namespace

Frontend::Frontend(asio::io_context& loop, SharedMemory& memory, std::shared_ptr<Device> device,
                   Interrupts& interrupts)
    : loop_(loop),
      memory_(memory),
      device_(std::move(device)),
      interrupts_(interrupts),
      registers_(device_->queue_sizes().size()),
      config_(device_->config()) {
    reset_registers();
}

Result<std::unique_ptr<Frontend>> Frontend::create(asio::io_context& loop, SharedMemory& memory,
                                                   std::shared_ptr<Device> device,
                                                   Interrupts& interrupts) {
    std::unique_ptr<Frontend> frontend(new Frontend(loop, memory, std::move(device), interrupts));
    for (unsigned queue = 0; queue < frontend->queue_count(); ++queue) {
        RVMM_TRY(auto event, Event::create(frontend->name()));
        const int fd = event.fd();
        frontend->doorbells_.push_back(
            std::make_unique<Bell>(std::move(event), asio::posix::stream_descriptor(loop, fd)));
        frontend->listen(queue);
    }
    return frontend;
}

Frontend::~Frontend() {
    for (const auto& bell : doorbells_) bell->descriptor.release();  // the event closes it
}

std::uint64_t Frontend::offered() const {
    return device_->features() | kIndirectDescriptors | kEventIdx | kAlways;
}

std::uint32_t Frontend::device_features(std::uint32_t word) const {
    return word_of(offered(), word);
}

std::uint32_t Frontend::driver_features(std::uint32_t word) const {
    const std::lock_guard lock(mutex_);
    return word_of(driver_features_, word);
}

void Frontend::set_driver_features(std::uint32_t word, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    if ((status_ & kStatusFeaturesOk) == 0) set_word(driver_features_, word, value);
}

std::uint8_t Frontend::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void Frontend::set_status(std::uint8_t value) {
    std::unique_lock lock(mutex_);
    if (resetting_ || closed_) return;
    if (value == 0) return begin_reset(lock);
    // Bits are only ever added; the device's own are not the driver's to set.
    auto added = static_cast<std::uint8_t>(value & ~status_ & ~kStatusNeedsReset);
    const bool refused =
        (driver_features_ & ~offered()) != 0 || (driver_features_ & kAlways) != kAlways;
    if (refused) added &= static_cast<std::uint8_t>(~kStatusFeaturesOk);
    status_ |= added;
    if ((added & kStatusDriverOk) == 0 || (status_ & kStatusFeaturesOk) == 0) return;
    asio::post(loop_,
               [this, begin = Start{epoch_, driver_features_, registers_}] { start(begin); });
}

void Frontend::begin_reset(std::unique_lock<std::mutex>& lock) {
    ++epoch_;
    if ((status_ & kStatusDriverOk) == 0) return reset_registers();
    resetting_ = true;
    lock.unlock();
    asio::post(loop_, [this] {
        ++counters_.resets;
        stop();
    });
}

void Frontend::wait_for_reset() {
    std::unique_lock lock(mutex_);
    reset_done_.wait_for(lock, kResetPatience, [this] { return !resetting_ || closed_; });
}

void Frontend::reset_registers() {
    status_ = 0;
    driver_features_ = 0;
    for (std::size_t i = 0; i < registers_.size(); ++i)
        registers_[i] = {.size = device_->queue_sizes()[i]};
}

bool Frontend::before_driver_ok(std::uint32_t queue) const {
    return queue < registers_.size() && !resetting_ && (status_ & kStatusDriverOk) == 0;
}

bool Frontend::may_set_up(std::uint32_t queue) const {
    return before_driver_ok(queue) && !registers_[queue].ready;
}

std::uint16_t Frontend::max_queue_size(std::uint32_t queue) const {
    return queue < registers_.size() ? device_->queue_sizes()[queue] : std::uint16_t{0};
}

std::uint16_t Frontend::queue_size(std::uint32_t queue) const {
    const std::lock_guard lock(mutex_);
    return queue < registers_.size() ? registers_[queue].size : std::uint16_t{0};
}

void Frontend::set_queue_size(std::uint32_t queue, std::uint32_t size) {
    const std::lock_guard lock(mutex_);
    if (may_set_up(queue) && std::has_single_bit(size) && size <= device_->queue_sizes()[queue])
        registers_[queue].size = static_cast<std::uint16_t>(size);
}

bool Frontend::queue_ready(std::uint32_t queue) const {
    const std::lock_guard lock(mutex_);
    return queue < registers_.size() && registers_[queue].ready;
}

void Frontend::set_queue_ready(std::uint32_t queue, bool ready) {
    const std::lock_guard lock(mutex_);
    if (before_driver_ok(queue)) registers_[queue].ready = ready;
}

std::uint32_t Frontend::queue_address(std::uint32_t queue, Area area, bool high) const {
    const std::lock_guard lock(mutex_);
    if (queue >= registers_.size()) return 0;
    return word_of(registers_[queue].areas[static_cast<std::size_t>(area)], high ? 1 : 0);
}

void Frontend::set_queue_address(std::uint32_t queue, Area area, bool high, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    if (may_set_up(queue))
        set_word(registers_[queue].areas[static_cast<std::size_t>(area)], high ? 1 : 0, value);
}

void Frontend::read_config(std::uint64_t offset, MutableByteSpan data) const {
    const std::lock_guard lock(mutex_);
    std::ranges::fill(data, std::byte{0});
    if (offset >= config_.size()) return;
    const ByteSpan from = ByteSpan(config_).subspan(offset);
    std::ranges::copy(from.first(std::min(from.size(), data.size())), data.begin());
}

void Frontend::write_config(std::uint64_t offset, ByteSpan data) {
    // A guest that writes faster than the loop runs makes nothing grow: it loses writes.
    if (config_writes_.fetch_add(1) >= kMostConfigWrites) {
        --config_writes_;
        return;
    }
    asio::post(loop_, [this, offset, bytes = Bytes(data.begin(), data.end())] {
        --config_writes_;
        device_->config_written(offset, bytes);
    });
}

std::uint8_t Frontend::config_generation() const {
    const std::lock_guard lock(mutex_);
    return config_generation_;
}

void Frontend::notify(std::uint32_t queue) const {
    if (queue < doorbells_.size()) doorbells_[queue]->event.raise();
}

void Frontend::listen(unsigned queue) {
    doorbells_[queue]->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                             [this, queue](const asio::error_code& error) {
                                                 if (!error) rung(queue);
                                             });
}

void Frontend::rung(unsigned queue) {
    if (doorbells_[queue]->event.take() && state_ == State::kRunning) {
        ++counters_.notifications;
        if (queues_[queue]) device_->notify(queue);
    }
    listen(queue);
}

void Frontend::start(const Start& start) {
    {
        const std::lock_guard lock(mutex_);
        if (start.epoch != epoch_ || closed_) return;
    }
    features_ = start.features;
    state_ = State::kRunning;
    if (auto made = make_queues(start); !made) return fail(made.error());
    started_ = true;
    device_->start(*this);
    // Whoever rang before this moment was not heard.
    for (const auto& queue : queues_)
        if (queue && state_ == State::kRunning) device_->notify(queue->index());
}

Result<> Frontend::make_queues(const Start& start) {
    queues_.clear();
    queues_.resize(start.queues.size());
    for (unsigned i = 0; i < start.queues.size(); ++i) {
        const QueueRegisters& registers = start.queues[i];
        if (!registers.ready) continue;
        RVMM_TRY(auto made, Queue::create(memory_, name(),
                                          {.size = registers.size,
                                           .descriptors = Ipa{registers.areas[0]},
                                           .driver = Ipa{registers.areas[1]},
                                           .device = Ipa{registers.areas[2]},
                                           .indirect = (start.features & kIndirectDescriptors) != 0,
                                           .event_idx = (start.features & kEventIdx) != 0}));
        queues_[i] = std::make_unique<ReadyQueue>(std::move(made), i,
                                                  static_cast<ReadyQueue::Owner&>(*this));
    }
    return {};
}

void Frontend::stop() {
    if (state_ == State::kStopping) return;
    state_ = State::kStopping;
    if (std::exchange(started_, false))
        device_->stop([this] { stopped(); });
    else
        stopped();
}

void Frontend::stopped() {
    queues_.clear();
    state_ = State::kIdle;
    {
        const std::lock_guard lock(mutex_);
        reset_registers();
        resetting_ = false;
    }
    reset_done_.notify_all();
    if (closing_) std::exchange(closing_, nullptr)();
}

void Frontend::close(std::function<void()> closed) {
    closing_ = std::move(closed);
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    reset_done_.notify_all();
    stop();
}

ReadyQueue* Frontend::queue(unsigned index) {
    return index < queues_.size() ? queues_[index].get() : nullptr;
}

void Frontend::set_config(Bytes config) {
    {
        const std::lock_guard lock(mutex_);
        config_ = std::move(config);
        ++config_generation_;
    }
    ++counters_.interrupts;
    interrupts_.config_changed();
}

void Frontend::fail(const Error& error) {
    if (state_ != State::kRunning) return;
    state_ = State::kFailed;
    ++counters_.errors;
    counters_.last_error = error.message();
    // A driver can do this as often as it likes; the report has the number.
    if (counters_.errors == 1) warn("{} waits for a reset: {}", name(), error.message());
    {
        const std::lock_guard lock(mutex_);
        status_ |= kStatusNeedsReset;
    }
    ++counters_.interrupts;
    interrupts_.config_changed();
}

void Frontend::used(unsigned queue) {
    ++counters_.interrupts;
    interrupts_.queue_used(queue);
}

void Frontend::broke(unsigned, const Error& error) {
    fail(error);
}

void Frontend::again(unsigned queue) {
    doorbells_[queue]->event.raise();
}

}  // namespace rvmm::devices::virtio
