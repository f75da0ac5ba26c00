// How a virtio device on PCI interrupts: through the MSI-X vectors that its driver chose, or,
// without MSI-X, not at all: there is no interrupt pin, and drivers poll the ISR register.
// Source: virtio 1.3, sections 4.1.4.5, 4.1.5.1.3, 4.1.5.3 and 4.1.5.4.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "devices/pci/msix.hpp"
#include "devices/virtio/frontend.hpp"

namespace rvmm::devices::virtio {

/// Any thread.
class PciInterrupts final : public Frontend::Interrupts {
  public:
    static constexpr std::uint16_t kNoVector = 0xffff;

    /// `msix` outlives it.
    PciInterrupts(pci::Msix& msix, std::size_t queues);

    void queue_used(unsigned queue) override;
    void config_changed() override;

    /// The vectors in use; a queue that is not there has none, and a vector that is not there is
    /// none.
    std::uint16_t config_vector() const { return config_vector_; }
    void set_config_vector(std::uint16_t vector) { config_vector_ = known(vector); }
    std::uint16_t queue_vector(std::uint32_t queue) const;
    void set_queue_vector(std::uint32_t queue, std::uint16_t vector);

    /// The ISR register, which reading clears.
    std::uint8_t take_isr() { return isr_.exchange(0); }
    /// The interrupt bit of the PCI status register.
    bool asserted() const { return !msix_.enabled() && isr_ != 0; }

    /// The device is being reset: no vector is in use.
    void reset();

  private:
    std::uint16_t known(std::uint16_t vector) const;
    void raise(std::uint16_t vector);

    pci::Msix& msix_;
    std::atomic<std::uint8_t> isr_{0};
    std::atomic<std::uint16_t> config_vector_{kNoVector};
    std::vector<std::atomic<std::uint16_t>> queue_vectors_;
};

}  // namespace rvmm::devices::virtio
