// The command line of the lab's QEMU, as a function of what the lab is and of what this run has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vmm/lab/lab_config.hpp"

namespace rvmm::vmm::lab {

/// What one start adds to the lab's config.
struct QemuMachine {
    int initramfs = -1;                // memory files; not owned
    std::uint64_t initramfs_size = 0;  // bytes
    int payload = -1;                  // -1: there is none
    std::uint64_t memory = 0;          // bytes, a multiple of 1 MiB
    unsigned cpus = 2;
};

/// The numbers, in the child, of what the machine is connected to.
struct QemuFds {
    int console = -1;
    int errors = -1;
    int control = -1;
    int kernel_log = -1;
};

/// QEMU's arguments, program first.
std::vector<std::string> qemu_arguments(const LabConfig& config, const QemuMachine& machine,
                                        const QemuFds& fds);

}  // namespace rvmm::vmm::lab
