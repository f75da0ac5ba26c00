// The lab's machine: a qemu-system-aarch64 that lives exactly as long as this object.
#pragma once

#include <utility>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/lab/qemu_arguments.hpp"
#include "vmm/process/child_process.hpp"

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
    /// Starts QEMU as ChildProcess does: on a thread that lives as long as the lab (the main
    /// thread). Errors: Stage::kLaunch.
    static Result<QemuProcess> start(const LabConfig& config, const QemuMachine& machine);

    /// To be moved out by who reads them.
    QemuStreams& streams() { return streams_; }
    /// Ends and reaps it; does nothing the second time.
    void kill() { child_.kill(); }

  private:
    QemuProcess(ChildProcess child, QemuStreams streams)
        : streams_(std::move(streams)), child_(std::move(child)) {}

    QemuStreams streams_;
    ChildProcess child_;  // ends before its streams do
};

}  // namespace rvmm::vmm::lab
