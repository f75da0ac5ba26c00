// Bounded decompression of untrusted bytes.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/contents.hpp"
#include "base/error.hpp"

namespace rvmm::realm {

/// Both unpack `packed`, which is exactly one gzip member or one zstd frame. Errors
/// (Stage::kImage): it is damaged or truncated, something follows it, or the result would exceed
/// `limit` bytes. Memory in use is bounded by `limit` and a window of 128 MiB.
Result<Contents> unpack_gzip(ByteSpan packed, std::uint64_t limit);
Result<Contents> unpack_zstd(ByteSpan packed, std::uint64_t limit);

}  // namespace rvmm::realm
