// What usually causes a refusal of the kernel, by the step that was refused.
#pragma once

#include <string>

#include "vmm/cca/revision.hpp"

namespace rvmm::vmm::cca {

enum class Step : std::uint8_t { kPopulate, kRec, kRipas, kActivate, kRun };

/// One clause for a hint. Source: shared facts, kvm-realm-abi.md sections 6 and 9,
/// kvm-realm-abi-v10.md section 4, cca-host-seen-rmm1.md.
std::string usual_cause(const RevisionTraits& revision, Step step, int error_number);

}  // namespace rvmm::vmm::cca
