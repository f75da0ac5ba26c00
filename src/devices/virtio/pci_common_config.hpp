// The common configuration structure of virtio on PCI: the registers of a Frontend and of its
// interrupts. Source: virtio 1.3, section 4.1.4.3.
#pragma once

#include <atomic>
#include <cstdint>

#include "devices/virtio/frontend.hpp"
#include "devices/virtio/pci_interrupts.hpp"

namespace rvmm::devices::virtio {

/// Any thread. Fields are accessed as the specification has drivers do it: each with its own size,
/// those of 64 bits also half by half. Other reads give zero, other writes are dropped.
class PciCommonConfig {
  public:
    static constexpr std::uint32_t kSize = 0x40;

    /// Both outlive it.
    PciCommonConfig(Frontend& frontend, PciInterrupts& interrupts)
        : frontend_(frontend), interrupts_(interrupts) {}

    void read(std::uint64_t offset, MutableByteSpan data);
    void write(std::uint64_t offset, ByteSpan data);

  private:
    std::uint32_t read_field(std::uint64_t offset);
    std::uint32_t read_queue_field(std::uint64_t offset) const;
    void write_field(std::uint64_t offset, std::uint32_t value);
    void write_queue_field(std::uint64_t offset, std::uint32_t value);
    void set_status(std::uint8_t value);

    Frontend& frontend_;
    PciInterrupts& interrupts_;
    // What a driver selects and then uses is its own business to keep apart on several CPUs.
    std::atomic<std::uint32_t> device_features_word_{0};
    std::atomic<std::uint32_t> driver_features_word_{0};
    std::atomic<std::uint16_t> selected_queue_{0};
};

}  // namespace rvmm::devices::virtio
