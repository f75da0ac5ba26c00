// Starting the lab's command, on pipes or on a terminal of its own.
#pragma once

#include <sys/types.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/lab/protocol.hpp"

namespace rvmm::vmm::lab {

/// A started command and our ends of its streams, all close-on-exec.
struct AgentChild {
    pid_t pid = -1;   // also its session and process group
    UniqueFd input;   // write end; with a terminal, the terminal
    UniqueFd output;  // read end; with a terminal, the terminal
    UniqueFd errors;  // read end; with a terminal, none
};

/// Starts `run`. A command that cannot be executed is a command that says so on its stderr and
/// exits with 127 (not found) or 126, as a shell does it. Call it from a process with one thread.
/// Errors: Stage::kLaunch when the machine has no processes, pipes or terminals left.
Result<AgentChild> start_child(const RunMessage& run);

/// Tells the terminal `fd` its size.
void set_window_size(int fd, WindowSize size);

}  // namespace rvmm::vmm::lab
