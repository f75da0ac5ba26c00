// The two shell scripts that bring up the lab's machine before rvmm's agent takes over.
#pragma once

#include <string_view>

namespace rvmm::vmm::lab {

/// Where the initramfs keeps what becomes the root; with no slash at the start.
inline constexpr std::string_view kStagedRoot = "lab";
/// A line with this in front says in the kernel log why the lab did not come up.
inline constexpr std::string_view kInitFailure = "rvmm-lab:";

/// /init of the initramfs: moves root to a tmpfs, because nothing can pivot away from an initramfs.
std::string_view early_init();
/// /usr/lib/rvmm/init of the new root: devices, modules, the payload, network; then the agent.
std::string_view host_init();

}  // namespace rvmm::vmm::lab
