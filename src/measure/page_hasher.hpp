// Hashes pages on all cores and hands their digests out in order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"

namespace rvmm::measure {

/// Digests of every page of some runs of pages, in order, a chunk at a time. Other threads hash
/// ahead of what was taken, by a bounded number of chunks; the thread that takes them hashes too
/// when it would have to wait.
class PageHasher {
  public:
    /// Pages of one chunk, at most.
    static constexpr std::size_t kChunk = 64;

    /// `runs` are whole pages of `page_size` bytes each and outlive this. `threads` counts the
    /// caller's.
    PageHasher(Hash hash, std::vector<ByteSpan> runs, std::size_t page_size, unsigned threads);
    PageHasher(const PageHasher&) = delete;
    PageHasher& operator=(const PageHasher&) = delete;
    ~PageHasher();

    /// The digests of the next chunk, valid until the next call; a chunk never spans two runs.
    /// Not to be called after the last one was taken. Errors (Stage::kInternal): OpenSSL fails.
    Result<std::span<const Digest>> next();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace rvmm::measure
