// The size of this system's pages.
#pragma once

#include <cstdint>

namespace rvmm {

/// Bytes: 4, 16 or 64 KiB. What is mapped, and what KVM maps for a guest, is a multiple of it.
std::uint64_t host_page_size();

}  // namespace rvmm
