// Small text helpers shared by config and command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rvmm {

/// The name in `names` nearest to `wrong` by edit distance, if it is near enough to be a likely
/// typo (at most a third of the longer length, at least 1); nothing otherwise.
std::optional<std::string_view> nearest(std::string_view wrong,
                                        std::span<const std::string_view> names);

/// A size as people write it: digits with an optional K, M, G or T (powers of 1024, either case,
/// optional trailing "iB" or "B"). Nothing for anything else or when it does not fit 64 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// The shortest exact form: 536870912 is "512M", 1000 is "1000".
std::string format_size(std::uint64_t bytes);

/// "0x2a".
std::string hex(std::uint64_t value);

/// A whole unsigned number, decimal or 0x hex. Nothing for anything else.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

/// A time as people write it: digits, with a decimal point or not, then "ms", "s" (or nothing), "m"
/// or "h"; more than 0 and at most 1000 hours. Nothing for anything else.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// `text` for one line of a terminal or a JSON string: a backslash is doubled; control characters
/// and bytes that are no UTF-8 are \n, \r, \t or \xHH.
std::string escape(std::string_view text);
/// What escape() made of it, or a person wrote: \\, \n, \r, \t and \xHH stand for one byte.
/// Nothing if there is another backslash in it.
std::optional<std::string> unescape(std::string_view text);

}  // namespace rvmm
