// virtio-mmio, version 2: a device behind a frame of registers, with one edge-triggered interrupt.
// Source: virtio 1.3, section 4.2.
#pragma once

#include <atomic>
#include <memory>

#include "devices/device.hpp"
#include "devices/virtio/frontend.hpp"
#include "devices/wiring.hpp"

namespace rvmm::devices::virtio {

class MmioTransport final : public devices::Device, private Frontend::Interrupts {
  public:
    static constexpr std::uint64_t kFrameSize = 0x200;

    struct Place {
        IpaRange registers;  // kFrameSize bytes
        std::uint32_t spi;
    };
    /// `loop`, `memory` and `wiring` outlive it.
    static Result<std::shared_ptr<MmioTransport>> create(asio::io_context& loop,
                                                         SharedMemory& memory, Wiring& wiring,
                                                         std::shared_ptr<virtio::Device> device,
                                                         const Place& place);

    std::string_view name() const override { return frontend_->name(); }
    void read(std::uint64_t offset, MutableByteSpan data) override;
    void write(std::uint64_t offset, ByteSpan data) override;

    Frontend& frontend() { return *frontend_; }

  private:
    explicit MmioTransport(Event interrupt) : interrupt_(std::move(interrupt)) {}
    std::uint32_t read_register(std::uint64_t offset) const;
    void write_register(std::uint64_t offset, std::uint32_t value);
    void write_queue_register(std::uint64_t offset, std::uint32_t value);
    void queue_used(unsigned queue) override;
    void config_changed() override;
    void raise(std::uint32_t cause);

    std::unique_ptr<Frontend> frontend_;
    Event interrupt_;
    std::atomic<std::uint32_t> interrupt_status_{0};
    // What a driver selects and then uses is its own business to keep apart on several CPUs.
    std::atomic<std::uint32_t> device_features_word_{0};
    std::atomic<std::uint32_t> driver_features_word_{0};
    std::atomic<std::uint32_t> selected_queue_{0};
};

}  // namespace rvmm::devices::virtio
