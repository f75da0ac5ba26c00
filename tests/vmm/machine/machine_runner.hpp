// Runs a plan on a fake of KVM as `rvmm run` does, with the console in a string.
#pragma once

#include <functional>
#include <string>

#include <asio/io_context.hpp>

#include "realm/plan/launch_plan.hpp"
#include "vmm/kvm/driver.hpp"
#include "vmm/machine/machine.hpp"

namespace rvmm::vmm {

struct MachineRun {
    Result<RunReport> report;
    std::string console;
};

/// What a test does to a machine before it runs.
using PrepareMachine = std::function<void(Machine&, asio::io_context&)>;

/// What runs it, where that is not Machine::run() alone.
using RunMachine = std::function<Result<RunReport>(Machine&, asio::io_context&, ConsoleOutput&)>;

/// An ordinary VM, or an emulated realm where the plan is a realm's. (Realms of a CCA host:
/// cca::run_realm().)
MachineRun run_machine_on(const realm::LaunchPlan& plan, kvm::Driver& driver,
                          const PrepareMachine& prepare = {}, const RunMachine& run = {});

}  // namespace rvmm::vmm
