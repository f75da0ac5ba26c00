// A helper program that lives no longer than this object, nor than rvmm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm {

class ChildProcess {
  public:
    struct Spec {
        std::vector<std::string> arguments;  // the first is the program, a path
        std::vector<int> inherited;          // descriptors that it has under the same numbers
        int output = -1;                     // its stdout and stderr
        int errors = -1;                     // its stderr, where that is another
    };
    /// How it ended.
    struct End {
        int exit_code = 0;              // 128 + the signal that ended it; not known: SIGKILL's
        std::uint64_t peak_memory = 0;  // bytes that it had at most, or one of its own children
    };
    /// Starts it in a process group of its own, so that a terminal's Ctrl-C does not reach it, with
    /// nothing to read, and with no other descriptor of ours. A program that cannot be executed
    /// says so on `output` and exits with 127. The kernel kills it when the thread that called this
    /// ends, whatever ends it: call it on a thread that lives as long (the main thread). A program
    /// that changes its user escapes that, and needs another sign. Errors: Stage::kLaunch.
    static Result<ChildProcess> start(Spec spec);

    ChildProcess(ChildProcess&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), how_(other.how_) {}
    ChildProcess& operator=(ChildProcess&& other) = delete;
    ~ChildProcess() { kill(); }

    /// Whether it has ended; never waits.
    bool ended();
    /// Known when it has been reaped, by ended() or by kill().
    const std::optional<End>& how() const { return how_; }
    /// A descriptor that is readable when it has ended. Errors: Stage::kLaunch.
    Result<UniqueFd> watch() const;
    void send(int signal) const;
    /// Ends and reaps it; does nothing the second time.
    void kill();

  private:
    explicit ChildProcess(pid_t pid) : pid_(pid) {}
    bool reap(int options);

    pid_t pid_ = -1;  // -1: reaped
    std::optional<End> how_;
};

/// The path of program `name` as execvp(3) would find it; empty if there is none.
std::string find_program(const std::string& name);

}  // namespace rvmm::vmm
