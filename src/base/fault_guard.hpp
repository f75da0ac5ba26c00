// Keeps a mapped file that somebody truncates from ending the process: a page that is no longer
// there reads as zeros, and the guard remembers.
//
// The kernel answers an access beyond a file's end with SIGBUS. The handler puts a page of zeros
// there and sets the guard's mark; for an address that no guard covers, SIGBUS does what it did
// before. At most kMost ranges are guarded at a time.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm {

class FaultGuard {
  public:
    static constexpr std::size_t kMost = 64;

    /// Guards `range`, whole pages of a mapping that outlives the guard. Errors (Stage::kInternal):
    /// kMost ranges are guarded already.
    static Result<FaultGuard> create(ByteSpan range);
    FaultGuard(FaultGuard&& other) noexcept;
    FaultGuard& operator=(FaultGuard&&) = delete;
    ~FaultGuard();

    /// Some page of the range was gone when it was looked at.
    bool faulted() const;

  private:
    explicit FaultGuard(std::size_t slot) : slot_(slot) {}
    std::size_t slot_;
};

}  // namespace rvmm
