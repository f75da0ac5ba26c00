// The other CPUs: each comes up on its own small stack (1 KiB), says who it is, does what it is
// told, if anything, and turns itself off.
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

/// Starts CPU `index` of the device tree, which is another one than this: it calls work(argument),
/// and turns itself off. If it is not off yet from the last time, that is waited for, as long as
/// `timeout_ms`. False if it is refused.
bool start_on(std::size_t index, void (*work)(void*), void* argument, std::uint64_t timeout_ms);

}  // namespace guest
