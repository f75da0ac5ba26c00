// A 16550A UART, registers one byte apart (National Semiconductor PC16550D data sheet, section 8).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "devices/byte_sink.hpp"
#include "devices/device.hpp"
#include "devices/interrupt_line.hpp"

namespace rvmm::devices {

class Serial16550 final : public Device {
  public:
    /// `sink` outlives the device.
    Serial16550(ByteSink& sink, InterruptLine interrupt);

    std::string_view name() const override { return "serial"; }
    void read(std::uint64_t offset, MutableByteSpan data) override;
    void write(std::uint64_t offset, ByteSpan data) override;

    /// Called from the machine's loop with bytes for the guest; returns how many were taken (the
    /// rest is for later: see set_input_wanted()).
    std::size_t input(ByteSpan bytes);
    /// `wanted` is called (any thread, under the lock) when input that was refused before would be
    /// taken now.
    void set_input_wanted(std::function<void()> wanted);
    /// Called from the machine's loop when the sink, having refused bytes, has room again.
    void output_drained();

  private:
    std::uint8_t read_register(unsigned index);
    void write_register(unsigned index, std::uint8_t value);
    void transmit(std::uint8_t value);
    std::uint8_t interrupt_identification() const;
    std::uint8_t modem_status() const;
    void ask_for_input();
    void update_interrupt();

    static constexpr std::size_t kInputLimit = 1024;

    std::mutex mutex_;
    ByteSink& sink_;
    InterruptLine interrupt_;
    std::function<void()> input_wanted_;
    bool input_refused_ = false;
    std::deque<std::uint8_t> input_;
    std::optional<std::uint8_t> held_;  // a byte that the sink had no room for: THR is not empty
    bool line_ = false;
    bool transmitter_event_ = false;  // THRE interrupt pending
    std::uint8_t interrupt_enable_ = 0;
    std::uint8_t fifo_control_ = 0;
    std::uint8_t line_control_ = 0;
    std::uint8_t modem_control_ = 0;
    std::uint8_t scratch_ = 0;
    std::uint8_t divisor_low_ = 1;
    std::uint8_t divisor_high_ = 0;
};

}  // namespace rvmm::devices
