// The other CPUs: each comes up on its own small stack, says who it is, and turns itself off.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest {

struct CpuReport {
    enum class Failure : std::uint8_t {
        kNone,
        kNotListed,  // the boot CPU is not in the device tree
        kRefused,    // PSCI CPU_ON said no
        kSilent,     // was started, but did not come up in time
        kMisnamed,   // has another MPIDR than it was started by
    };
    Failure failure;
    std::uint64_t affinity;  // of the first CPU that failed
    std::size_t up;          // CPUs that are as they should be, the boot CPU among them
};

/// Starts every CPU of the device tree but the one it runs on, all at once, and waits until all
/// are up or `timeout_ms` has passed. To be called once.
CpuReport start_all_cpus(std::uint64_t timeout_ms);

}  // namespace guest
