#include "vmm/run/run_service.hpp"

namespace rvmm::vmm {

RunService::RunService(asio::io_context& loop, RunsOn host)
    : heartbeat_(loop, notifier_), about_(fmt::format("host {}, ", to_string(host))) {
    notifier_.status(now("launching"));
}

void RunService::follow(Machine& machine, const std::string& rim) {
    if (!notifier_.is_active()) return;
    if (!rim.empty()) about_ += fmt::format("RIM {}, ", rim);
    const auto change = [this, &machine] { changed(machine); };
    machine.observe({.first_entry = change,
                     .ready = change,
                     .held = [change](bool) { change(); },
                     .ending = [change](const Result<RunOutcome>&) { change(); }});
}

void RunService::changed(const Machine& machine) {
    if (machine.is_ending()) {
        // The manager waits for us now by its own time: the loop has stopped.
        heartbeat_.stop();
        notifier_.stopping(now("ending"));
        return;
    }
    const auto state =
        now(machine.is_paused() ? "paused" : (machine.is_ready() ? "up" : "running"));
    if (ready_) {
        notifier_.status(state);
        return;
    }
    ready_ = true;
    notifier_.ready(state);
    heartbeat_.start();
}

}  // namespace rvmm::vmm
