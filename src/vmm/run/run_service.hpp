// A run on this machine as a service: what the service manager is told of it (docs/service.md).
#pragma once

#include <string>

#include <asio/io_context.hpp>

#include "vmm/hosts/host_facts.hpp"
#include "vmm/machine/machine.hpp"
#include "vmm/service/heartbeat.hpp"

namespace rvmm::vmm {

/// On the machine's loop, which outlives it. Outlives the machine.
class RunService {
  public:
    /// The launch begins.
    RunService(asio::io_context& loop, RunsOn host);
    RunService(const RunService&) = delete;
    RunService& operator=(const RunService&) = delete;

    /// The service is ready when the vCPUs of `machine` have started, and stopping when the run
    /// ends. `rim` is hex, empty where it is not known.
    void follow(Machine& machine, const std::string& rim);

  private:
    void changed(const Machine& machine);
    std::string now(std::string_view state) const { return about_ + std::string(state); }

    ServiceNotifier notifier_;
    Heartbeat heartbeat_;
    std::string about_;
    bool ready_ = false;
};

}  // namespace rvmm::vmm
