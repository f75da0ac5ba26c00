// The lab's machine: a qemu-system-aarch64 that lives exactly as long as this object.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/lab/lab_config.hpp"

namespace rvmm::vmm::lab {

struct QemuMachine {
    std::filesystem::path program;
    std::filesystem::path kernel;
    int initramfs = -1;        // memory files; not owned
    int payload = -1;          // -1: there is none
    std::uint64_t memory = 0;  // bytes, a multiple of 1 MiB
    unsigned cpus = 2;
};

/// Our ends of what the machine is connected to: stream sockets, but for `messages`, a pipe.
struct QemuStreams {
    UniqueFd console;
    UniqueFd errors;
    UniqueFd control;
    UniqueFd kernel_log;  // the PL011's output
    UniqueFd messages;    // QEMU's own stdout and stderr
};

/// The other ends' numbers in the child.
struct QemuFds {
    int console = -1;
    int errors = -1;
    int control = -1;
    int kernel_log = -1;
};

/// QEMU's arguments, program first.
std::vector<std::string> qemu_arguments(const QemuMachine& machine, const QemuFds& fds);

class QemuProcess {
  public:
    /// Starts QEMU in a process group of its own, so that a terminal's Ctrl-C does not reach it.
    /// The kernel kills it when the thread that called this ends, whatever ends it: call it on a
    /// thread that lives as long as the lab (the main thread). Errors: Stage::kLaunch.
    static Result<QemuProcess> start(const QemuMachine& machine);

    QemuProcess(QemuProcess&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), streams_(std::move(other.streams_)) {}
    QemuProcess& operator=(QemuProcess&& other) = delete;
    ~QemuProcess() { kill(); }

    /// To be moved out by who reads them.
    QemuStreams& streams() { return streams_; }
    /// Ends and reaps it; does nothing the second time.
    void kill();

  private:
    QemuProcess(pid_t pid, QemuStreams streams) : pid_(pid), streams_(std::move(streams)) {}

    pid_t pid_ = -1;
    QemuStreams streams_;
};

}  // namespace rvmm::vmm::lab
