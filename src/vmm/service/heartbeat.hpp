// Tells the service manager that a loop runs, as often as its watchdog wants it: a loop that is
// stuck is silent.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "vmm/service/service_notifier.hpp"

namespace rvmm::vmm {

/// On `loop`, which outlives it, as does `notifier`.
class Heartbeat {
  public:
    Heartbeat(asio::io_context& loop, ServiceNotifier& notifier);
    Heartbeat(const Heartbeat&) = delete;
    Heartbeat& operator=(const Heartbeat&) = delete;

    /// Beats from now on, if the manager has a watchdog.
    void start();
    void stop();

  private:
    void beat();

    ServiceNotifier& notifier_;
    asio::steady_timer timer_;
    bool stopped_ = true;
};

}  // namespace rvmm::vmm
