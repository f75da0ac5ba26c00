// Options that take bytes or digests as hex digits.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"

namespace rvmm::cli {

/// `text` as 1 to `limit` bytes. Errors (Stage::kUsage) name `option`.
Result<Bytes> hex_option(std::string_view option, const std::string& text, std::size_t limit);
/// `text` as a digest of any hash. Errors (Stage::kUsage) name `option`.
Result<measure::Digest> digest_option(std::string_view option, const std::string& text);

}  // namespace rvmm::cli
