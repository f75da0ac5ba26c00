// passt, which connects a guest to the host's network without privileges: started by rvmm, or by
// somebody else. Source: passt(1).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/process/child_process.hpp"

namespace rvmm::vmm {

class Passt {
  public:
    /// Starts the passt on PATH; `options` are added to its command line ("-t", "8080:80"). It ends
    /// when the other end of its socket is closed, whatever closes it, and leaves nothing behind.
    /// As root it works as user nobody. Call it where ChildProcess says. Errors: none is installed
    /// (Stage::kHostCannot), or no process to be had (Stage::kLaunch).
    static Result<Passt> start(std::span<const std::string> options = {});

    /// Our end, for a StreamBackend. Once.
    UniqueFd take_socket() { return std::move(socket_); }
    /// Whether it still runs: passt looks at the host's network when it starts, and ends at once if
    /// it cannot use it. Never waits. Errors (Stage::kHostCannot): it has ended; what it said.
    Result<> check();

  private:
    Passt(UniqueFd socket, UniqueFd messages, ChildProcess child)
        : socket_(std::move(socket)), messages_(std::move(messages)), child_(std::move(child)) {}
    std::string last_words();

    UniqueFd socket_;
    UniqueFd messages_;  // its stdout and stderr: a pipe, which neither side waits for
    ChildProcess child_;
};

/// Connects to a passt that listens at `path`. Errors (Stage::kHostCannot): nothing does.
Result<UniqueFd> connect_to_passt(const std::string& path);

}  // namespace rvmm::vmm
