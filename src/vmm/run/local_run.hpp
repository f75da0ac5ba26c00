// A run on this machine's own KVM.
#pragma once

#include "vmm/kvm/driver.hpp"
#include "vmm/run/run_image.hpp"

namespace rvmm::vmm {

struct LocalHost {
    RunsOn kind;                                  // kLocalVm, kEmulated or kCca
    std::shared_ptr<cca::RealmVm> realm_vm = {};  // kCca: the VM to launch
};

Result<RunResult> run_locally(const realm::LaunchPlan& plan, const RunRequest& request,
                              const LocalHost& host, kvm::Driver& driver);

}  // namespace rvmm::vmm
