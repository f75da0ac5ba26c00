// The command line of the lab's QEMU, as a function of what the lab is and of what this run has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/lab/lab_config.hpp"

namespace rvmm::vmm::lab {

/// A raw image or block device of this machine's, which the lab has at kLabDisks and its number.
struct LabDisk {
    std::filesystem::path path;
    bool readonly = false;
};
inline constexpr std::string_view kLabDisks = "/dev/disk/rvmm-disk";  // and the number, from 0

/// What one start adds to the lab's config.
struct QemuMachine {
    int initramfs = -1;                // memory files; not owned
    std::uint64_t initramfs_size = 0;  // bytes
    int payload = -1;                  // -1: there is none
    std::vector<LabDisk> disks = {};
    bool network = false;
    std::uint64_t memory = 0;  // bytes, a multiple of 1 MiB
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
