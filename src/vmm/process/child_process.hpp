// A helper program that lives no longer than this object, nor than rvmm.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/error.hpp"

namespace rvmm::vmm {

class ChildProcess {
  public:
    struct Spec {
        std::vector<std::string> arguments;  // the first is the program, a path
        std::vector<int> inherited;          // descriptors that it has under the same numbers
        int output = -1;                     // its stdout and stderr
    };
    /// Starts it in a process group of its own, so that a terminal's Ctrl-C does not reach it, with
    /// nothing to read, and with no other descriptor of ours. A program that cannot be executed
    /// says so on `output` and exits with 127. The kernel kills it when the thread that called this
    /// ends, whatever ends it: call it on a thread that lives as long (the main thread). A program
    /// that changes its user escapes that, and needs another sign. Errors: Stage::kLaunch.
    static Result<ChildProcess> start(Spec spec);

    ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    ChildProcess& operator=(ChildProcess&& other) = delete;
    ~ChildProcess() { kill(); }

    /// Whether it has ended; never waits.
    bool ended();
    /// Ends and reaps it; does nothing the second time.
    void kill();

  private:
    explicit ChildProcess(pid_t pid) : pid_(pid) {}
    pid_t pid_ = -1;  // -1: reaped
};

/// The path of program `name` as execvp(3) would find it; empty if there is none.
std::string find_program(const std::string& name);

}  // namespace rvmm::vmm
