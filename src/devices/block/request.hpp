// One request to a disk, and how it is taken to its end call by call: short transfers go on where
// they stopped, interrupted calls are made again, and what a file system cannot do is done in
// another way. It makes no call itself. Source: fallocate(2), preadv(2).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <sys/uio.h>

#include "base/bytes.hpp"

namespace rvmm::devices {

class BlockRequest {
  public:
    enum class Operation : std::uint8_t {
        kRead,
        kWrite,
        kFlush,        // what was written and completed before it is on the disk
        kDiscard,      // the bytes are not needed any more; nothing happens where that cannot be
        kUnmapZeroes,  // they read as zeroes, and need no space
        kWriteZeroes,  // they read as zeroes, and keep their space
    };
    static constexpr std::size_t kMaxPieces = 1024;  // of a call: IOV_MAX

    /// What to do next, as one system call.
    struct Call {
        enum class Kind : std::uint8_t { kRead, kWrite, kSync, kAllocate };
        Kind kind;
        std::uint64_t offset = 0;
        std::uint64_t length = 0;            // bytes left, but for kSync
        int mode = 0;                        // kAllocate
        std::span<const iovec> pieces = {};  // kRead, kWrite: valid until took()
    };

    BlockRequest() = default;
    BlockRequest(const BlockRequest&) = delete;
    BlockRequest& operator=(const BlockRequest&) = delete;

    /// Makes it a new request, which keeps the memory of the old one. Offset and length in bytes,
    /// in the disk; a read or write has its length from its pieces. `stable`: what is written is on
    /// the disk when it completes.
    void begin(Operation operation, std::uint64_t offset, std::uint64_t length = 0,
               bool stable = false);
    /// Memory to read to or write from, which stays where it is until the request is done.
    void add_piece(MutableByteSpan bytes);

    Call next_call();
    /// What the call gave: a count, or a negative errno. Whether the request is done.
    bool took(std::int64_t result);
    /// Ends it without a call.
    void fail(int error_number) { error_ = error_number; }
    /// Of one that is done: an errno, or 0.
    int error() const { return error_; }

  private:
    enum class Step : std::uint8_t { kTransfer, kPunch, kZeroRange, kWriteOut, kSync };
    bool moved(std::uint64_t count);
    bool refused(int error_number);
    bool done_or_sync();
    void fill_zeroes();

    Operation operation_ = Operation::kFlush;
    Step step_ = Step::kSync;
    bool stable_ = false;
    int error_ = 0;
    unsigned retries_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t left_ = 0;
    std::vector<iovec> pieces_;
    std::size_t first_ = 0;  // piece that is not done
};

}  // namespace rvmm::devices
