#include "devices/block/request.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

namespace rvmm::devices {
namespace {

constexpr std::array<std::byte, 16384> kZeroes = {};
constexpr std::size_t kZeroPieces = 64;
// Each is a call that did nothing; a file that only ever gives those has failed.
constexpr unsigned kMaxRetries = 100;

constexpr bool is_unsupported(int error_number) {
    // EINVAL: block devices, where the range is not of their blocks.
    return error_number == EOPNOTSUPP || error_number == ENOSYS || error_number == EINVAL;
}

}  // namespace

void BlockRequest::begin(Operation operation, std::uint64_t offset, std::uint64_t length,
                         bool stable) {
    using enum Operation;
    operation_ = operation;
    stable_ = stable;
    error_ = 0;
    retries_ = 0;
    offset_ = offset;
    left_ = length;
    pieces_.clear();
    first_ = 0;
    step_ = Step::kTransfer;
    if (operation == kFlush) step_ = Step::kSync;
    if (operation == kDiscard || operation == kUnmapZeroes) step_ = Step::kPunch;
    if (operation == kWriteZeroes) step_ = Step::kZeroRange;
}

void BlockRequest::add_piece(MutableByteSpan bytes) {
    pieces_.push_back({.iov_base = bytes.data(), .iov_len = bytes.size()});
    left_ += bytes.size();
}

BlockRequest::Call BlockRequest::next_call() {
    using enum Call::Kind;
    switch (step_) {
        case Step::kSync:
            return {.kind = kSync};
        case Step::kPunch:
            return {.kind = kAllocate,
                    .offset = offset_,
                    .length = left_,
                    .mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
        case Step::kZeroRange:
            return {.kind = kAllocate,
                    .offset = offset_,
                    .length = left_,
                    .mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
        case Step::kWriteOut:
            fill_zeroes();
            break;
        case Step::kTransfer:
            break;
    }
    const std::size_t count = std::min(pieces_.size() - first_, kMaxPieces);
    return {.kind = operation_ == Operation::kRead ? kRead : kWrite,
            .offset = offset_,
            .length = left_,
            .pieces = std::span(pieces_).subspan(first_, count)};
}

void BlockRequest::fill_zeroes() {
    pieces_.clear();
    first_ = 0;
    std::uint64_t left = left_;
    while (left > 0 && pieces_.size() < kZeroPieces) {
        const auto count = std::min<std::uint64_t>(left, kZeroes.size());
        // iovec has no const, and a write reads.
        pieces_.push_back({.iov_base = const_cast<std::byte*>(kZeroes.data()), .iov_len = count});
        left -= count;
    }
}

bool BlockRequest::took(std::int64_t result) {
    if ((result == -EINTR || result == -EAGAIN) && ++retries_ <= kMaxRetries) return false;
    if (result < 0) return refused(static_cast<int>(-result));
    switch (step_) {
        case Step::kTransfer:
        case Step::kWriteOut:
            return moved(static_cast<std::uint64_t>(result));
        case Step::kPunch:
        case Step::kZeroRange:
            return done_or_sync();
        case Step::kSync:
            break;
    }
    return true;
}

bool BlockRequest::refused(int error_number) {
    const bool allocates = step_ == Step::kPunch || step_ == Step::kZeroRange;
    if (!allocates || !is_unsupported(error_number)) {
        error_ = error_number;
        return true;
    }
    if (operation_ == Operation::kDiscard) return true;
    step_ = step_ == Step::kPunch ? Step::kZeroRange : Step::kWriteOut;
    return false;
}

bool BlockRequest::moved(std::uint64_t count) {
    if (count == 0 || count > left_) {  // 0: the file has become shorter than the disk
        error_ = EIO;
        return true;
    }
    retries_ = 0;
    offset_ += count;
    left_ -= count;
    if (left_ == 0) return done_or_sync();
    while (count > 0) {
        iovec& piece = pieces_[first_];
        const auto here = std::min<std::uint64_t>(count, piece.iov_len);
        piece.iov_base = static_cast<std::byte*>(piece.iov_base) + here;
        piece.iov_len -= here;
        count -= here;
        if (piece.iov_len == 0) ++first_;
    }
    return false;
}

bool BlockRequest::done_or_sync() {
    if (!stable_ || operation_ == Operation::kRead || operation_ == Operation::kDiscard)
        return true;
    step_ = Step::kSync;
    return false;
}

}  // namespace rvmm::devices
