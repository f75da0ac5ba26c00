#include "vmm/run/run_image.hpp"

#include "base/log.hpp"
#include "vmm/run/lab_run.hpp"
#include "vmm/run/local_run.hpp"

namespace rvmm::vmm {
namespace {

/// Said before anything else of a realm that nothing protects.
void say_unprotected(RunsOn host, const lab::LabMachine& lab) {
    if (host == RunsOn::kLab && lab.realms == lab::LabRealms::kCca)
        note(
            "a real realm on an EMULATED machine, a lab: nothing protects it; for development and "
            "tests only");
    else
        note("EMULATED realm{}: nothing protects it; for development and tests only",
             host == RunsOn::kLab ? " in a lab" : "");
}

}  // namespace

Result<RunResult> run_image(const realm::LaunchPlan& plan, const RunRequest& request) {
    kvm::Driver& driver = request.driver != nullptr ? *request.driver : kvm::real_driver();
    HostFacts facts =
        find_host_facts(driver, looking_for(plan.spec(), request.wishes), request.lab);
    RVMM_TRY(const RunsOn host, choose_host(plan.spec(), request.wishes, facts));
    const bool emulated = plan.is_realm() && host != RunsOn::kCca;
    if (emulated && !request.inside_lab) say_unprotected(host, request.lab.machine);
    switch (host) {
        case RunsOn::kLocalVm:
        case RunsOn::kEmulated:
        case RunsOn::kCca:
            return run_locally(plan, request, {host, std::move(facts.realm_vm)}, driver);
        case RunsOn::kLab:
            if (request.control.any())
                return fail(Stage::kUsage, "a run in a lab has no --name and no --control yet");
            if (request.records)
                return std::unexpected(
                    Error(Stage::kUsage, "a run in a lab makes no calls to this machine's KVM")
                        .with_advice("record on the arm64 machine itself"));
            return run_in_lab_host(plan, request);
    }
    return fail(Stage::kInternal, "no launcher for host {}", to_string(host));
}

}  // namespace rvmm::vmm
