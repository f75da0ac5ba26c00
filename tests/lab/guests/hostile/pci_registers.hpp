// virtio on PCI: the structures that the capabilities of a function name. Source: virtio 1.3,
// section 4.1.4; PCI Local Bus 3.0, sections 6.1 and 6.7.
#pragma once

#include <cstdint>

#include "transport_types.hpp"

namespace guest::hostile {

// Registers of a function's configuration space.
inline constexpr std::uint64_t kPciCommand = 0x04;
inline constexpr std::uint64_t kPciBars = 0x10;
inline constexpr unsigned kPciBarCount = 6;
inline constexpr std::uint16_t kPciMemory = 1U << 1;
inline constexpr std::uint16_t kPciMaster = 1U << 2;

class PciRegisters {
  public:
    PciRegisters() = default;
    /// `function`: its configuration space; `shared_bit` is in all addresses.
    PciRegisters(std::uint64_t function, std::uint64_t shared_bit)
        : function_(function), shared_bit_(shared_bit) {}

    /// Turns the function on, and finds its structures. The type of the device; 0 if there is none.
    std::uint16_t probe();

    std::uint32_t offered(std::uint32_t word) const;
    void accept(std::uint32_t word, std::uint32_t bits) const;
    std::uint8_t status() const;
    void set_status(std::uint8_t status) const;
    void select_queue(std::uint32_t queue) const;
    /// Before a size was set.
    std::uint32_t max_queue_size() const;
    void set_queue_size(std::uint32_t size) const;
    void set_queue_area(Area area, std::uint64_t address) const;
    void set_queue_ready(std::uint32_t ready) const;
    bool queue_ready() const;
    void notify(std::uint32_t queue) const;

    std::uint64_t base() const { return common_; }
    std::uint64_t config() const { return config_; }
    /// Registers in [0, this) of base().
    std::uint64_t register_span() const { return 0x40; }
    /// Whether an access of that size means anything there.
    static bool is_register(std::uint64_t offset, unsigned size);

    std::uint64_t function() const { return function_; }
    std::uint64_t isr() const { return isr_; }
    std::uint64_t notify_base() const { return notify_; }
    std::uint32_t notify_step() const { return notify_step_; }
    /// Offsets of capabilities in the configuration space; 0: not there.
    std::uint64_t window_capability() const { return window_; }
    std::uint64_t msix_capability() const { return msix_; }
    /// The MSI-X table and its pending bits.
    std::uint64_t msix_table() const { return msix_table_; }
    /// The vectors of the configuration and of the selected queue.
    std::uint16_t set_config_vector(std::uint16_t vector) const;
    std::uint16_t set_queue_vector(std::uint16_t vector) const;

  private:
    static constexpr unsigned kBells = 8;
    void take_capability(std::uint64_t at);
    std::uint64_t in_bar(unsigned bar, std::uint32_t offset) const;

    std::uint64_t function_ = 0;
    std::uint64_t shared_bit_ = 0;
    std::uint64_t common_ = 0;
    std::uint64_t notify_ = 0;
    std::uint64_t isr_ = 0;
    std::uint64_t config_ = 0;
    std::uint64_t window_ = 0;
    std::uint64_t msix_ = 0;
    std::uint64_t msix_table_ = 0;
    std::uint32_t notify_step_ = 0;
    std::uint16_t notify_offsets_[kBells] = {};
};

}  // namespace guest::hostile
