// The names of running guests: claimed by a run for as long as it lives, listed for others. What
// dead runs have left is removed on the way.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/control/run_entry.hpp"
#include "vmm/control/runtime_folder.hpp"

namespace rvmm::vmm {

/// A Unix stream socket that listens at the new `path`, for its owner alone. Errors
/// (Stage::kUsage): something is there, or the path is too long or cannot be made.
Result<UniqueFd> listen_at(const std::string& path);

/// A name that is ours; the files are gone with the object.
class ClaimedName {
  public:
    /// Writes `entry`'s file; `entry.socket` is the caller's, or if it is empty NAME.sock in the
    /// folder, where the socket then is. Errors (Stage::kUsage): a living run has the name, or
    /// there is a file of it that cannot be read.
    static Result<ClaimedName> claim(RuntimeFolder folder, RunEntry entry);
    ClaimedName(ClaimedName&&) noexcept = default;
    ClaimedName& operator=(ClaimedName&&) = delete;
    ~ClaimedName();

    const RunEntry& entry() const { return entry_; }
    /// The socket in the folder, once; none if the entry had another.
    UniqueFd take_socket() { return std::move(socket_); }
    /// Replaces what others read. `entry` has the same name and socket.
    Result<> update(RunEntry entry);

  private:
    ClaimedName(RuntimeFolder folder, RunEntry entry, UniqueFd socket)
        : folder_(std::make_unique<RuntimeFolder>(std::move(folder))),
          entry_(std::move(entry)),
          socket_(std::move(socket)) {}

    std::unique_ptr<RuntimeFolder> folder_;
    RunEntry entry_;
    UniqueFd socket_;
};

/// All that run, by name. Errors (Stage::kHostCannot): the folder is locked, or cannot be read.
Result<std::vector<RunEntry>> running(const RuntimeFolder& folder);

}  // namespace rvmm::vmm
