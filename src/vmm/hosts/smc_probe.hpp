// Does an SMC of a guest reach us? On a machine without EL3 it may be undefined instead.
#pragma once

#include <optional>

#include "vmm/hosts/host_facts.hpp"
#include "vmm/kvm/vm.hpp"

namespace rvmm::vmm {

/// Runs a guest of three instructions. Takes at most two seconds.
std::optional<Obstacle> probe_smc(const kvm::System& system);

}  // namespace rvmm::vmm
