// An ARM PrimeCell GPIO: eight lines that the machine drives and the guest reads. Source: ARM
// DDI 0190 (PL061 technical reference manual), chapter 3.
#pragma once

#include <cstdint>
#include <mutex>

#include "devices/device.hpp"
#include "devices/interrupt_line.hpp"

namespace rvmm::devices {

/// What the guest drives goes nowhere.
class Pl061 final : public Device {
  public:
    static constexpr unsigned kLines = 8;

    explicit Pl061(InterruptLine interrupt) : interrupt_(std::move(interrupt)) {}

    std::string_view name() const override { return "gpio"; }
    /// The registers have 8 bits at every fourth byte: of 1 to 4 bytes the first counts. Anything
    /// else reads as zero, and is not written.
    void read(std::uint64_t offset, MutableByteSpan data) override;
    void write(std::uint64_t offset, ByteSpan data) override;

    /// Drives a line, below kLines, from outside. Any thread.
    void set_input(unsigned line, bool level);

  private:
    std::uint8_t levels() const;
    std::uint8_t raw_status() const;
    std::uint8_t read_register(std::uint64_t offset) const;
    void write_register(std::uint64_t offset, std::uint8_t value);
    void update_interrupt();

    mutable std::mutex mutex_;
    InterruptLine interrupt_;
    bool line_ = false;
    // A bit for each line.
    std::uint8_t inputs_ = 0;
    std::uint8_t data_ = 0;
    std::uint8_t outputs_ = 0;         // DIR
    std::uint8_t by_level_ = 0;        // IS
    std::uint8_t both_edges_ = 0;      // IBE
    std::uint8_t high_or_rising_ = 0;  // IEV
    std::uint8_t enabled_ = 0;         // IE
    std::uint8_t edges_ = 0;           // seen and not cleared
    std::uint8_t alternate_ = 0;       // AFSEL
};

}  // namespace rvmm::devices
