// What a virtio device is, apart from the transport that the guest reaches it by: the transport
// owns registers, negotiation and interrupts; a device says what it offers and what its queues
// mean. Source: virtio 1.3, chapters 2 and 3.
//
//   start(session)          the driver has said DRIVER_OK: the queues work from here on
//   notify(queue)           the driver has made something available, perhaps
//   stop(stopped)           the driver resets the device, or the machine ends: take nothing more
//     ... I/O in flight     ends, its chains are completed or dropped
//   stopped()               called by the device, once: it uses the session no more
//
// All of it on the machine's loop.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "devices/virtio/ready_queue.hpp"

namespace rvmm::devices::virtio {

// Feature bits that every device offers: virtio 1.3, chapter 6.
inline constexpr std::uint64_t kIndirectDescriptors = 1ULL << 28;
inline constexpr std::uint64_t kEventIdx = 1ULL << 29;
inline constexpr std::uint64_t kVersion1 = 1ULL << 32;
inline constexpr std::uint64_t kAccessPlatform = 1ULL << 33;

/// A device between start() and the end of stop().
class Session {
  public:
    /// Whether the driver accepted this feature bit (a mask of one bit).
    virtual bool has(std::uint64_t feature) const = 0;
    /// A queue that the driver has set up, or nullptr.
    virtual ReadyQueue* queue(unsigned index) = 0;
    /// The configuration space is this from here on, and the driver is told.
    virtual void set_config(Bytes config) = 0;
    /// The driver did what it must not: the device says DEVICE_NEEDS_RESET and gets no more
    /// notifications. stop() comes later.
    virtual void fail(const Error& error) = 0;

  protected:
    ~Session() = default;
};

/// Something that a device counts, for the report.
struct Counter {
    std::string_view name;  // "read_bytes"
    std::uint64_t value;
};

/// The device's constants are the same all its life.
class Device {
  public:
    virtual ~Device() = default;

    /// "disk0": what the config calls it.
    virtual std::string_view name() const = 0;
    /// The device ID: virtio 1.3, chapter 5.
    virtual std::uint16_t type() const = 0;
    /// Its own feature bits (0 to 23, 50 to 127 are devices'); the transport adds those above.
    virtual std::uint64_t features() const = 0;
    /// The most entries of each queue, a power of two; at most 64 queues.
    virtual std::span<const std::uint16_t> queue_sizes() const = 0;
    /// The configuration space as it is at first, at most 256 bytes.
    virtual Bytes config() const = 0;

    virtual void start(Session& session) = 0;
    virtual void notify(unsigned queue) = 0;
    virtual void stop(std::function<void()> stopped) = 0;
    /// The driver wrote to the configuration space, which keeps what it was.
    virtual void config_written(std::uint64_t /*offset*/, ByteSpan /*data*/) {}
    /// In the report they stand beside the frontend's: notifications, interrupts, resets, errors.
    virtual std::vector<Counter> counters() const { return {}; }
};

}  // namespace rvmm::devices::virtio
