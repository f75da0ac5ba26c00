// The registers of virtio-mmio, version 2. Source: virtio 1.3, section 4.2.2.
#pragma once

#include <cstdint>

#include "transport_types.hpp"

namespace guest::hostile {

class MmioRegisters {
  public:
    static constexpr std::uint64_t kConfigOffset = 0x100;

    MmioRegisters() = default;
    /// `base` carries the shared bit.
    explicit MmioRegisters(std::uint64_t base) : base_(base) {}

    /// The type of the device; 0 if there is none.
    std::uint16_t probe() const;

    std::uint32_t offered(std::uint32_t word) const;
    void accept(std::uint32_t word, std::uint32_t bits) const;
    std::uint8_t status() const;
    void set_status(std::uint8_t status) const;
    void select_queue(std::uint32_t queue) const;
    std::uint32_t max_queue_size() const;
    void set_queue_size(std::uint32_t size) const;
    void set_queue_area(Area area, std::uint64_t address) const;
    void set_queue_ready(std::uint32_t ready) const;
    bool queue_ready() const;
    void notify(std::uint32_t queue) const;

    std::uint64_t base() const { return base_; }
    std::uint64_t config() const { return base_ + kConfigOffset; }
    /// Registers in [0, this) of base().
    std::uint64_t register_span() const { return kConfigOffset; }
    /// Whether an access of that size means anything there.
    static bool is_register(std::uint64_t offset, unsigned size);

  private:
    std::uint64_t base_ = 0;
};

}  // namespace guest::hostile
