// A driver of one device, step by step, so that any of the steps can be done wrong. Source: virtio
// 1.3, section 3.1.
#pragma once

#include <cstdint>

#include "queue.hpp"
#include "transport.hpp"

namespace guest::hostile {

/// How long a device may take for anything: all of this may run on an emulated host that others
/// keep waiting.
inline constexpr std::uint64_t kPatienceMs = 30'000;
/// How long is waited for something that must not happen.
inline constexpr std::uint64_t kQuietMs = 20;

void wait_ms(std::uint64_t milliseconds);
/// Between two looks at a register, so that the device gets to its work.
void pause();

class Driver {
  public:
    static constexpr unsigned kMaxQueues = 4;
    static constexpr unsigned kBuffers = 4;

    /// False if there is no memory left. To be called once.
    bool open(const Transport& transport);

    const Transport& transport() const { return transport_; }
    std::uint16_t type() const { return transport_.type(); }
    /// Queues that are set up: of all that the device has, those that are of use.
    unsigned queue_count() const;
    /// The one that takes requests.
    unsigned request_queue() const;
    Queue& queue(unsigned index) { return queues_[index]; }
    Queue& requests() { return queues_[request_queue()]; }
    /// A page.
    std::uint64_t buffer(unsigned index) const { return buffers_ + index * 4096; }

    /// False if the device does not say that it is reset.
    bool reset();
    /// What the device offered at first; all of it but for EVENT_IDX: this driver polls.
    std::uint64_t offered_features() const { return offered_; }
    std::uint64_t wanted_features() const { return offered_ & ~kEventIdx; }
    std::uint32_t most_entries(unsigned queue) const { return most_entries_[queue]; }
    /// From reset to FEATURES_OK; false if the device does not want these features.
    bool agree(std::uint64_t features) const;
    /// Sets a queue up, as it should be, with so many entries at most; but not ready yet.
    void prepare(unsigned queue, std::uint16_t entries = Queue::kMostEntries);
    void set_up(unsigned queue, std::uint16_t entries = Queue::kMostEntries);
    /// The same, but for the address of one area.
    void set_up(unsigned queue, Area moved, std::uint64_t address);
    void set_up_queues();
    void add_status(std::uint8_t bits) const;
    /// All of this, to DRIVER_OK.
    bool start();

    /// Puts the request at the start of the queue's table, and makes it available.
    void submit(unsigned queue, const Request& request);
    void submit(const Request& request) { submit(request_queue(), request); }
    /// Says that something is available, whether it is or not.
    void ring(unsigned queue);
    void ring() { ring(request_queue()); }

    /// Whether the device says DEVICE_NEEDS_RESET, in time.
    bool needs_reset() const;
    bool needs_reset_now() const;
    /// Resets that the device needed.
    std::uint64_t errors() const { return errors_; }

  private:
    Transport transport_;
    std::uint64_t offered_ = 0;
    std::uint32_t most_entries_[kMaxQueues] = {};
    Queue queues_[kMaxQueues];
    std::uint64_t buffers_ = 0;
    std::uint64_t errors_ = 0;
};

/// "blk pci.1"
void put(const Driver& driver);

}  // namespace guest::hostile
