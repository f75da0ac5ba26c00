// Reads a measurement log back, line by line, from a file in memory.
#pragma once

#include <optional>
#include <string_view>

#include "measure/log.hpp"

namespace rvmm::measure {

/// A stream of entries over bytes that outlive it. It takes only the canonical text that log.hpp
/// writes: what it accepts, the append functions give back byte for byte. No digest is computed;
/// verify_entry() does that.
///
/// Errors (Stage::kImage) name the line and say why in one clause; after one, next() gives it
/// again.
class LogReader {
  public:
    /// Reads the header. Fails on bytes that are no rvmm measurement log, or one of another
    /// version.
    static Result<LogReader> create(ByteSpan log);

    const LogHeader& header() const { return header_; }

    /// The next entry; nothing after the last, once the trailer has been found to agree with it.
    /// The first entry is the create and no other is; `n` counts from 0; `before` is the `after` of
    /// the entry before, and zero at first; digests are of the header's hash.
    Result<std::optional<LogEntry>> next();

    /// The RIM after the entries read so far.
    const Digest& rim() const { return rim_; }
    std::uint64_t entries() const { return entries_; }

  private:
    LogReader(std::string_view text, LogHeader header, std::size_t at);

    Result<> check_trailer(std::string_view line) const;

    std::string_view text_;
    LogHeader header_;
    Digest rim_;
    std::size_t at_;  // of the next line
    std::uint64_t entries_ = 0;
    bool ended_ = false;
};

}  // namespace rvmm::measure
