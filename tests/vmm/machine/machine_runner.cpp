#include "vmm/machine/machine_runner.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "realm/plan/fold.hpp"
#include "vmm/hosts/emulated_realm.hpp"
#include "vmm/hosts/ordinary_vm.hpp"

namespace rvmm::vmm {
namespace {

Result<RunReport> run_with_console(const realm::LaunchPlan& plan, kvm::Driver& driver,
                                   const PrepareMachine& prepare, const RunMachine& run,
                                   int console_fd) {
    RVMM_TRY(const auto system, kvm::System::open(driver));
    asio::io_context loop(1);
    ConsoleOutput console(loop, console_fd);
    std::unique_ptr<LoadedGuest> guest;
    if (plan.is_realm()) {
        RVMM_TRY(const auto rim, realm::fold_rim(plan));
        RVMM_TRY(guest, EmulatedRealm::create(plan, rim, console));
    } else {
        RVMM_TRY(guest, OrdinaryVm::create(plan, console));
    }
    RVMM_TRY(auto built, build_vm(plan, system, *guest));
    RVMM_TRY(const auto machine, Machine::create(plan, std::move(built), *guest, loop, console));
    if (prepare) prepare(*machine, loop);
    return run ? run(*machine, loop, console) : machine->run();
}

}  // namespace

MachineRun run_machine_on(const realm::LaunchPlan& plan, kvm::Driver& driver,
                          const PrepareMachine& prepare, const RunMachine& run_it) {
    int pipe_fds[2];
    EXPECT_EQ(::pipe(pipe_fds), 0);
    const UniqueFd reader(pipe_fds[0]);
    UniqueFd writer(pipe_fds[1]);
    MachineRun run{run_with_console(plan, driver, prepare, run_it, writer.get()), {}};
    writer.reset();
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(reader.get(), buffer, sizeof buffer)) > 0;)
        run.console.append(buffer, static_cast<std::size_t>(n));
    return run;
}

}  // namespace rvmm::vmm
