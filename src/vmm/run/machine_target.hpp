// A machine of this process as what the control socket controls.
#pragma once

#include <string>
#include <vector>

#include "realm/plan/launch_plan.hpp"
#include "vmm/control/control_target.hpp"
#include "vmm/machine/machine.hpp"

namespace rvmm::vmm {

class MachineTarget final : public ControlTarget {
  public:
    /// Runs of RAM that are told of a realm.
    static constexpr std::size_t kMaxRuns = 256;

    /// `machine` outlives it. `facts` is what does not change.
    MachineTarget(const realm::LaunchPlan& plan, Machine& machine, GuestFacts facts);

    RunState state() const override;
    void stop(Done done) override;
    void cont(Done done) override;
    Result<> power_down() override;
    void quit() override;
    std::vector<CpuFacts> cpus() const override;
    std::vector<DiskFacts> disks() const override { return disks_; }
    GuestFacts facts() const override;
    nlohmann::ordered_json stats() const override;

    /// The run is over; the machine is still there.
    void set_ended(RunState state) { ended_ = state; }
    bool was_asked_to_quit() const { return quit_; }

  private:
    Machine& machine_;
    const GuestFacts facts_;
    std::vector<std::uint64_t> mpidrs_;
    std::vector<DiskFacts> disks_;
    std::optional<RunState> ended_;
    bool quit_ = false;
};

}  // namespace rvmm::vmm
