// TOML text as plain values with their positions. Its source is the one place that knows the TOML
// library; nothing that the library throws leaves it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace rvmm::realm {

/// Where something stands in a text: both count from 1, columns in characters. 0 is nowhere.
struct Position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

/// A TOML value. Of tables and dates only the kind is kept: no key takes one.
struct ConfigValue {
    struct Date {};
    struct Table {};
    using List = std::vector<ConfigValue>;

    std::variant<std::string, std::int64_t, double, bool, List, Date, Table> data;
    Position position;
};

/// A table of the file (`key` is nothing), or a key in one. A top-level key that is no table is an
/// entry without `key` whose value says what it is instead. For an array of tables, [[name]], that
/// is a list of tables, whose keys follow. Deeper levels are not listed.
struct ConfigEntry {
    std::string table;
    std::optional<std::string> key;
    Position position;  // of the name
    ConfigValue value;
    std::optional<std::size_t> element = {};  // which table of an array of tables, from 0
};

/// The most dots that a line may have: it bounds how deep dotted keys nest, which is how deep the
/// library recurses. No value that a key takes has more.
inline constexpr std::size_t kMaxDotsInLine = 4096;

/// The tables and keys of `text` in the order in which they are written. Errors (Stage::kConfig)
/// start with "`name`:line:column: ": text that is not UTF-8 or holds control characters, a line
/// with more than kMaxDotsInLine dots, a syntax error, a key that is there twice.
Result<std::vector<ConfigEntry>> read_toml(std::string_view text, std::string_view name);

/// The value that `text` spells in TOML; nothing if it is not exactly one value.
std::optional<ConfigValue> read_toml_value(std::string_view text);

/// `text` on one line: control characters as escapes, cut after `limit` bytes, between characters.
std::string printable(std::string_view text, std::size_t limit);

/// How much of a name that comes from a file or another tool is shown, in bytes.
inline constexpr std::size_t kShownName = 200;
/// The same of a key or a table that is unknown.
inline constexpr std::size_t kShownKey = 64;

/// A value as errors show it: 513, "1K", true, an array, a table.
std::string show(const ConfigValue& value);

}  // namespace rvmm::realm
