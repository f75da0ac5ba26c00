// A guest that is only said to be there.
#pragma once

#include <vector>

#include "vmm/control/control_target.hpp"

namespace rvmm::vmm {

class FakeTarget : public ControlTarget {
  public:
    RunState state() const override { return state_; }
    void stop(Done done) override {
        if (late) return pending.push_back(std::move(done));
        state_ = RunState::kPaused;
        done({});
    }
    void cont(Done done) override {
        state_ = RunState::kRunning;
        done({});
    }
    Result<> power_down() override {
        if (!has_power_key) return fail(Stage::kGuest, "there is no power key");
        return {};
    }
    void quit() override { ++quits; }
    std::vector<CpuFacts> cpus() const override {
        return {{.index = 0, .mpidr = 0, .thread_id = 11},
                {.index = 1, .mpidr = 0x100, .thread_id = 12}};
    }
    std::vector<DiskFacts> disks() const override {
        return {{.name = "disk0", .path = "/images/a\xff.img", .readonly = true, .size = 4096}};
    }
    GuestFacts facts() const override { return what; }
    nlohmann::ordered_json stats() const override { return {{"exits", {{"mmio", 7}}}}; }

    /// Completes the stops that are late.
    void hold() {
        state_ = RunState::kPaused;
        for (const Done& done : std::exchange(pending, {})) done({});
    }

    RunState state_ = RunState::kRunning;
    bool late = false;
    bool has_power_key = true;
    int quits = 0;
    std::vector<Done> pending;
    GuestFacts what = {.host = "vm"};
};

}  // namespace rvmm::vmm
