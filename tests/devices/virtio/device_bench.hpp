// A device behind a Frontend, with its driver, on a loop of its own: what a test of a device needs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>

#include "devices/virtio/driver_queue.hpp"
#include "devices/virtio/frontend.hpp"

namespace rvmm::devices::virtio {

/// Queue i's rings lie in page i of the memory; buffers are the test's, from page `queue count` on.
class DeviceBench : private Frontend::Interrupts {
  public:
    static constexpr std::uint16_t kQueueSize = 16;

    explicit DeviceBench(std::size_t pages = 64) : memory(pages) {}
    /// Closes the device, which ends its I/O.
    ~DeviceBench();

    /// Puts the device behind a frontend; nothing is negotiated. Once.
    void attach(std::shared_ptr<Device> device);
    /// Negotiates what `refused` leaves of the features, sets up all queues, says DRIVER_OK.
    void start(std::uint64_t refused = 0);
    /// Notifies the device, and lets it do what it can do at once.
    void kick(unsigned queue);
    /// Runs the loop for what is ready.
    void settle();
    /// Runs the loop until `done` says so; false after 10 s.
    bool run_until(const std::function<bool()>& done);
    /// Asks for a reset and runs the loop until it is done.
    void reset();

    /// Writes to guest memory, and reads it as text.
    void put(std::uint64_t at, ByteSpan bytes);
    void put(std::uint64_t at, std::string_view text) { put(at, as_bytes(text)); }
    std::string text(std::uint64_t at, std::size_t size);
    /// The address of byte `offset` of page `page`.
    static std::uint64_t address(std::size_t page, std::size_t offset = 0) {
        return TestMemory::kBase + page * kPageSize4K + offset;
    }

    Frontend& frontend() { return *frontend_; }
    DriverQueue& queue(unsigned index) { return queues_[index]; }
    unsigned interrupts(unsigned queue) const { return interrupts_[queue]; }
    unsigned config_changes() const { return config_changes_; }
    bool needs_reset() const { return (frontend_->status() & kStatusNeedsReset) != 0; }

    TestMemory memory;
    asio::io_context loop{1};

  private:
    void queue_used(unsigned queue) override { ++interrupts_[queue]; }
    void config_changed() override { ++config_changes_; }

    std::unique_ptr<Frontend> frontend_;
    std::vector<DriverQueue> queues_;
    std::vector<unsigned> interrupts_;
    unsigned config_changes_ = 0;
};

}  // namespace rvmm::devices::virtio
