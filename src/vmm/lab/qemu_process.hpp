// The lab's machine: a qemu-system-aarch64 that lives exactly as long as this object.
#pragma once

#include <utility>

#include <sys/types.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/lab/qemu_arguments.hpp"

namespace rvmm::vmm::lab {

/// Our ends of what the machine is connected to: stream sockets, but for `messages`, a pipe.
struct QemuStreams {
    UniqueFd console;
    UniqueFd errors;
    UniqueFd control;
    UniqueFd kernel_log;  // the PL011's output
    UniqueFd messages;    // QEMU's own stdout and stderr
};

class QemuProcess {
  public:
    /// Starts QEMU in a process group of its own, so that a terminal's Ctrl-C does not reach it.
    /// The kernel kills it when the thread that called this ends, whatever ends it: call it on a
    /// thread that lives as long as the lab (the main thread). Errors: Stage::kLaunch.
    static Result<QemuProcess> start(const LabConfig& config, const QemuMachine& machine);

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
