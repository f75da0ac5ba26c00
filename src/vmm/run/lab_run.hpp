// A run inside a lab: the same plan, handed to an arm64 rvmm in a host booted for it.
#pragma once

#include "vmm/run/run_image.hpp"

namespace rvmm::vmm {

/// The lab's rvmm gets the bytes that `plan` holds, and must come to the same RIM.
Result<RunResult> run_in_lab_host(const realm::LaunchPlan& plan, const RunRequest& request);

}  // namespace rvmm::vmm
