// Keeps a mapped file that somebody truncates from ending the process: a page that is no longer
// there reads as zeros, and the guard remembers. Guest memory that the host takes away is another
// matter: touching it ends the process, and says where it was.
//
// The kernel answers an access beyond a file's end with SIGBUS. The handler puts a page of zeros
// there and sets the guard's mark; for an address that no guard covers, SIGBUS does what it did
// before. At most kMost ranges are guarded at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm {

class FaultGuard {
  public:
    static constexpr std::size_t kMost = 64;

    /// Guards `range`, whole pages of a mapping that outlives the guard. Errors (Stage::kInternal):
    /// kMost ranges are guarded already.
    static Result<FaultGuard> create(ByteSpan range);
    /// The same for guest memory: a page that is gone ends the process with one line that names the
    /// guest's address, `first_address` being that of the range's first byte, and `why`, which
    /// outlives the guard. Exit code 70.
    static Result<FaultGuard> create_fatal(ByteSpan range, std::uint64_t first_address,
                                           const char* why);
    FaultGuard(FaultGuard&& other) noexcept;
    FaultGuard& operator=(FaultGuard&&) = delete;
    ~FaultGuard();

    /// Some page of the range was gone when it was looked at.
    bool faulted() const;

  private:
    explicit FaultGuard(std::size_t slot) : slot_(slot) {}
    static Result<FaultGuard> create(ByteSpan range, std::uint64_t first_address, const char* why);
    std::size_t slot_;
};

}  // namespace rvmm
