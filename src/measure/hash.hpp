// SHA-256, SHA-384 and SHA-512 through OpenSSL.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::measure {

/// Hash algorithms as RMI numbers them (DEN0137 RmiHashAlgorithm: 0 SHA-256, 1 SHA-512, 2 SHA-384).
enum class Hash : std::uint8_t { kSha256 = 0, kSha512 = 1, kSha384 = 2 };

/// "sha256", "sha384", "sha512".
std::string_view to_string(Hash hash);

/// 32, 48 or 64.
std::size_t digest_size(Hash hash);

/// The digest of the concatenation of `parts`. Fails (Stage::kInternal) only if OpenSSL does.
Result<Bytes> digest(Hash hash, std::initializer_list<ByteSpan> parts);

}  // namespace rvmm::measure
