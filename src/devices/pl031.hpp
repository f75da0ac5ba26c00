// An ARM PrimeCell real time clock: seconds in 32 bits, with an alarm. Source: ARM DDI 0224
// (PL031 technical reference manual), chapter 3.
//
// Registers are answered on the vCPU's own thread, under a small lock; the alarm's timer runs on
// the machine's loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "devices/device.hpp"
#include "devices/interrupt_line.hpp"

namespace rvmm::devices {

class Pl031 final : public Device, public std::enable_shared_from_this<Pl031> {
  public:
    using Clock = std::function<std::chrono::system_clock::time_point()>;

    /// Shows the seconds of `clock` since 1970 until the guest sets it. `loop` outlives it.
    static std::shared_ptr<Pl031> create(asio::io_context& loop, InterruptLine interrupt,
                                         Clock clock = std::chrono::system_clock::now);

    std::string_view name() const override { return "rtc"; }
    /// Aligned words; anything else reads as zero, and is not written.
    void read(std::uint64_t offset, MutableByteSpan data) override;
    void write(std::uint64_t offset, ByteSpan data) override;

  private:
    Pl031(asio::io_context& loop, InterruptLine interrupt, Clock clock);

    std::uint32_t count() const;
    std::uint32_t read_register(std::uint64_t offset) const;
    void write_register(std::uint64_t offset, std::uint32_t value);
    void look();
    void update_interrupt();
    bool alarm_is_set() const { return enabled_ && !raised_; }
    std::chrono::nanoseconds until_match() const;

    // The alarm's timer: arm() and what it starts are the loop's.
    void ask_to_arm();
    void arm();

    asio::io_context& loop_;
    asio::steady_timer timer_;

    mutable std::mutex mutex_;
    InterruptLine interrupt_;
    Clock clock_;
    bool asked_to_arm_ = false;
    bool line_ = false;
    bool enabled_ = false;      // IMSC
    bool raised_ = false;       // RIS
    std::uint32_t offset_ = 0;  // what the guest's clock is ahead, as it wraps
    std::uint32_t load_ = 0;
    std::uint32_t match_ = 0;
    std::uint32_t seen_;  // the count when it was last compared
};

}  // namespace rvmm::devices
