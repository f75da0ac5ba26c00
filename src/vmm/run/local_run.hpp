// A run on this machine's own KVM.
#pragma once

#include "vmm/kvm/driver.hpp"
#include "vmm/run/run_image.hpp"

namespace rvmm::vmm {

/// `host` is kLocalVm or kEmulated.
Result<RunResult> run_locally(const realm::LaunchPlan& plan, const RunRequest& request, RunsOn host,
                              kvm::Driver& driver);

}  // namespace rvmm::vmm
