// What the kernel says of memory.
#pragma once

#include <cstdint>
#include <string_view>

namespace rvmm::vmm {

/// The bytes that the line "NAME 123 kB" of `file` says, as in /proc/meminfo and /proc/PID/status
/// (proc(5)). `name` ends with its colon. 0 where there is none.
std::uint64_t proc_memory(const char* file, std::string_view name);

}  // namespace rvmm::vmm
