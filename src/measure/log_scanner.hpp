// A cursor over one line of canonical JSON: each call takes exactly what it names, or notes that
// the line is not as it should be. For the log's reader.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"

namespace rvmm::measure {

/// After the first call that fails, further calls take nothing and give zero or empty values; the
/// caller asks finish() once, at the end. So a line is read as plainly as it is written.
class LogScanner {
  public:
    explicit LogScanner(std::string_view line) : line_(line) {}

    /// Takes `text`.
    void expect(std::string_view text);
    /// Takes `text` if it comes next.
    bool accept(std::string_view text);
    /// A decimal number, at most `max`.
    std::uint64_t number(std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
    /// "0x..." in its quotes.
    std::uint64_t hex_number();
    /// A text in its quotes.
    std::string text();
    /// Bytes in hex, in their quotes; at most `max` of them.
    Bytes bytes(std::size_t max);
    /// The same, a digest of `hash`.
    Digest digest(Hash hash);
    bool boolean();
    /// Notes that what was taken last is wrong, unless something was before.
    void refuse(std::string_view why);

    bool failed() const { return !why_.empty(); }
    /// Fails (Stage::kImage) with the first thing noted, and with its column, or if the line goes
    /// on.
    Result<> finish();

  private:
    std::string_view quoted();
    void note(std::size_t column, std::string why);

    std::string_view line_;
    std::size_t at_ = 0;
    std::size_t last_ = 0;  // where what was taken last begins
    std::size_t column_ = 0;
    std::string why_;
};

}  // namespace rvmm::measure
