// A key that asks the guest to power itself off, on a line of the GPIO: the guest's "gpio-keys".
#pragma once

#include <chrono>
#include <memory>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "devices/pl061.hpp"

namespace rvmm::devices {

/// On the machine's loop, which outlives it.
class PowerKey {
  public:
    /// The line, active high.
    static constexpr unsigned kLine = 3;
    static constexpr std::chrono::milliseconds kHeld{100};

    PowerKey(asio::io_context& loop, std::shared_ptr<Pl061> gpio);

    /// Presses the key, and releases it after kHeld. One that is held is held for longer.
    void press();

  private:
    asio::steady_timer timer_;
    std::shared_ptr<Pl061> gpio_;
};

}  // namespace rvmm::devices
