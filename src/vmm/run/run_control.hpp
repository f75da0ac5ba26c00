// A run's name and control socket, from before the launch until after its end: docs/control.md.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <asio/io_context.hpp>

#include "realm/plan/launch_plan.hpp"
#include "vmm/control/control_server.hpp"
#include "vmm/control/run_names.hpp"
#include "vmm/run/machine_target.hpp"
#include "vmm/run/report.hpp"

namespace rvmm::vmm {

/// What the command line says.
struct ControlWishes {
    std::string name = {};    // empty: one is made
    std::string socket = {};  // a new path; empty: in the runtime folder
    bool any() const { return !name.empty() || !socket.empty(); }
    /// Errors (Stage::kUsage): a name that cannot be one.
    Result<> check() const;
};

/// On the main thread, and so on the loop's.
class RunControl {
  public:
    /// Takes the name and makes the socket, which nobody answers yet. Errors (Stage::kUsage): the
    /// name is in use, the socket's path is; (Stage::kHostCannot) there can be no runtime folder
    /// and the run has a name. Without one that is a warning, and only a socket of its own controls
    /// the run.
    static Result<std::unique_ptr<RunControl>> create(
        const realm::LaunchPlan& plan, const ControlWishes& wishes, RunsOn host,
        const RuntimeFolder::Surroundings& surroundings = RuntimeFolder::ours());
    ~RunControl();
    RunControl(const RunControl&) = delete;

    /// The run's, also where nobody gave it one.
    const std::string& name() const { return name_; }
    /// The socket, or -1: for who answers it in another way than by serve().
    int socket() const { return socket_.get(); }
    /// Somebody answers from now on. `rim` is hex, empty where it is not known.
    void set_answers(const std::string& rim);

    /// Answers from now on, when `loop` runs, which outlives it.
    Result<> serve(asio::io_context& loop, const realm::LaunchPlan& plan, Machine& machine,
                   const RanOn& ran_on, const std::string& rim);
    /// Tells clients how the run ended, and closes. `machine` of serve() is still there.
    void finish(const Result<RunReport>& report);

  private:
    RunControl() = default;
    Result<> claim_name(RunEntry entry, const RuntimeFolder::Surroundings& surroundings);

    std::string name_;
    std::optional<ClaimedName> claimed_;
    UniqueFd socket_;
    std::string own_socket_;  // a path of --control, which is ours to remove
    std::unique_ptr<MachineTarget> target_;
    std::unique_ptr<ControlServer> server_;
};

}  // namespace rvmm::vmm
