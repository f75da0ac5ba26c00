#include "vmm/run/run_image.hpp"

#include "base/log.hpp"
#include "vmm/run/lab_run.hpp"
#include "vmm/run/local_run.hpp"

namespace rvmm::vmm {

Result<RunResult> run_image(const realm::LaunchPlan& plan, const RunRequest& request) {
    kvm::Driver& driver = request.driver != nullptr ? *request.driver : kvm::real_driver();
    RVMM_TRY(const RunsOn host, choose_host(plan.spec(), request.wishes, find_host_facts(driver)));
    const bool emulated = plan.is_realm() && host != RunsOn::kCca;
    if (emulated && !request.inside_lab)
        note("EMULATED realm{}: nothing protects it; for development and tests only",
             host == RunsOn::kLab ? " in a lab" : "");
    switch (host) {
        case RunsOn::kLocalVm:
        case RunsOn::kEmulated:
            return run_locally(plan, request, host, driver);
        case RunsOn::kLab:
            if (request.records)
                return std::unexpected(
                    Error(Stage::kUsage, "a run in a lab makes no calls to this machine's KVM")
                        .with_advice("record on the arm64 machine itself"));
            return run_in_lab_host(plan, request);
        case RunsOn::kCca:
            break;
    }
    return fail(Stage::kInternal, "no launcher for host {}", to_string(host));
}

}  // namespace rvmm::vmm
