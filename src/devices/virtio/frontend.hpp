// The half of a transport that virtio-mmio and virtio-pci have in common: status, negotiation, the
// queues' registers, the configuration space and the doorbells of one device. Source: virtio 1.3,
// sections 2.1 to 2.6, 3.1 and 4.2.2, 4.1.4.3.
//
// Registers are answered on the vCPU's own thread, under a small lock; what they set in motion (a
// start, a stop, a look at a queue) happens on the machine's loop, in the same order. The device
// reads as reset (status 0) only when its I/O in flight has ended.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "base/event.hpp"
#include "devices/shared_memory.hpp"
#include "devices/virtio/device.hpp"

namespace rvmm::devices::virtio {

// Device status: virtio 1.3, section 2.1.
inline constexpr std::uint8_t kStatusAcknowledge = 1;
inline constexpr std::uint8_t kStatusDriver = 2;
inline constexpr std::uint8_t kStatusDriverOk = 4;
inline constexpr std::uint8_t kStatusFeaturesOk = 8;
inline constexpr std::uint8_t kStatusNeedsReset = 64;
inline constexpr std::uint8_t kStatusFailed = 128;

class Frontend final : private Session, private ReadyQueue::Owner {
  public:
    /// The interrupts of a transport. Any thread; never waits.
    class Interrupts {
      public:
        virtual void queue_used(unsigned queue) = 0;
        virtual void config_changed() = 0;

      protected:
        ~Interrupts() = default;
    };

    /// `loop`, `memory` and `interrupts` outlive it. Errors (Stage::kLaunch): no events to be had.
    static Result<std::unique_ptr<Frontend>> create(asio::io_context& loop, SharedMemory& memory,
                                                    std::shared_ptr<Device> device,
                                                    Interrupts& interrupts);
    ~Frontend();

    std::string_view name() const { return device_->name(); }
    std::uint16_t type() const { return device_->type(); }

    // Registers, any thread. A queue that is not there reads as zero, and writes to it are dropped;
    // so are writes that the specification forbids at that moment.

    /// Bits 32 * word and up of what is offered.
    std::uint32_t device_features(std::uint32_t word) const;
    std::uint32_t driver_features(std::uint32_t word) const;
    void set_driver_features(std::uint32_t word, std::uint32_t value);
    std::uint8_t status() const;
    /// 0 asks for a reset.
    void set_status(std::uint8_t value);
    /// Waits until a reset that was asked for is done, or for 5 s: for drivers that do not look.
    void wait_for_reset();

    unsigned queue_count() const { return static_cast<unsigned>(registers_.size()); }
    enum class Area : std::uint8_t { kDescriptors, kDriver, kDevice };
    std::uint16_t max_queue_size(std::uint32_t queue) const;
    std::uint16_t queue_size(std::uint32_t queue) const;
    void set_queue_size(std::uint32_t queue, std::uint32_t size);
    bool queue_ready(std::uint32_t queue) const;
    /// A queue that is ready keeps its other registers.
    void set_queue_ready(std::uint32_t queue, bool ready);
    /// `high`: bits 63 to 32.
    std::uint32_t queue_address(std::uint32_t queue, Area area, bool high) const;
    void set_queue_address(std::uint32_t queue, Area area, bool high, std::uint32_t value);

    /// Bytes behind its end read as zero.
    void read_config(std::uint64_t offset, MutableByteSpan data) const;
    void write_config(std::uint64_t offset, ByteSpan data);
    std::uint8_t config_generation() const;

    /// The driver says that it made something available. Any thread.
    void notify(std::uint32_t queue) const;
    /// What does the same without a register write: for Wiring::add_doorbell().
    int doorbell(unsigned queue) const { return doorbells_[queue]->event.fd(); }

    /// Stops the device for good; `closed` is called when that is done. Waiting vCPUs wait no more.
    /// From the loop, once.
    void close(std::function<void()> closed);

    struct Counters {
        std::uint64_t notifications = 0;
        std::uint64_t interrupts = 0;
        std::uint64_t resets = 0;
        std::uint64_t errors = 0;  // how often the driver broke it
        std::string last_error = {};
    };
    /// From the loop.
    Counters counters() const { return counters_; }

  private:
    struct QueueRegisters {
        std::uint16_t size = 0;
        bool ready = false;
        std::array<std::uint64_t, 3> areas = {};
    };
    struct Bell {
        Event event;
        asio::posix::stream_descriptor descriptor;
    };
    /// What a start is given: the registers at that moment.
    struct Start {
        std::uint64_t epoch;
        std::uint64_t features;
        std::vector<QueueRegisters> queues;
    };

    Frontend(asio::io_context& loop, SharedMemory& memory, std::shared_ptr<Device> device,
             Interrupts& interrupts);

    std::uint64_t offered() const;
    bool before_driver_ok(std::uint32_t queue) const;
    bool may_set_up(std::uint32_t queue) const;
    void reset_registers();
    void begin_reset(std::unique_lock<std::mutex>& lock);

    // On the loop.
    void listen(unsigned queue);
    void rung(unsigned queue);
    void start(const Start& start);
    Result<> make_queues(const Start& start);
    void stop();
    void stopped();

    // Session, ReadyQueue::Owner.
    bool has(std::uint64_t feature) const override { return (features_ & feature) != 0; }
    ReadyQueue* queue(unsigned index) override;
    void set_config(Bytes config) override;
    void fail(const Error& error) override;
    void used(unsigned queue) override;
    void broke(unsigned queue, const Error& error) override;
    void again(unsigned queue) override;

    asio::io_context& loop_;
    SharedMemory& memory_;
    std::shared_ptr<Device> device_;
    Interrupts& interrupts_;
    std::vector<std::unique_ptr<Bell>> doorbells_;

    std::atomic<unsigned> config_writes_{0};  // that wait for the loop

    mutable std::mutex mutex_;
    std::condition_variable reset_done_;
    std::uint8_t status_ = 0;
    bool resetting_ = false;  // a reset was asked for and is not done
    bool closed_ = false;
    std::uint64_t epoch_ = 0;  // resets that were asked for
    std::uint64_t driver_features_ = 0;
    std::vector<QueueRegisters> registers_;
    Bytes config_;
    std::uint8_t config_generation_ = 0;

    // The loop's own.
    enum class State : std::uint8_t { kIdle, kRunning, kFailed, kStopping };
    State state_ = State::kIdle;
    bool started_ = false;  // the device has a session
    std::uint64_t features_ = 0;
    std::vector<std::unique_ptr<ReadyQueue>> queues_;
    std::function<void()> closing_;
    Counters counters_;
};

}  // namespace rvmm::devices::virtio
