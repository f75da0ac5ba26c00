#include "vmm/service/heartbeat.hpp"

namespace rvmm::vmm {

Heartbeat::Heartbeat(asio::io_context& loop, ServiceNotifier& notifier)
    : notifier_(notifier), timer_(loop) {}

void Heartbeat::start() {
    if (!notifier_.beat() || !stopped_) return;
    stopped_ = false;
    beat();
}

void Heartbeat::stop() {
    stopped_ = true;
    timer_.cancel();
}

void Heartbeat::beat() {
    notifier_.alive();
    timer_.expires_after(*notifier_.beat());
    timer_.async_wait([this](const asio::error_code& error) {
        if (!error && !stopped_) beat();
    });
}

}  // namespace rvmm::vmm
