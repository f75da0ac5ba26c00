// CBOR (RFC 8949), as much of it as CoRIM, COSE and EAT need: integers, byte and text strings,
// arrays, maps, tags, false, true and null. No floating point, no indefinite lengths.
//
// encode() writes the deterministic encoding (section 4.2.1): shortest heads, definite lengths, and
// maps in the bytewise order of their encoded keys, into which Value::map() brings them. decode()
// takes nothing but shortest heads and definite lengths, yet maps in any order, for others write
// them so; a Value keeps the order it was read in, so what decode() accepts, encode() gives back
// byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::measure::cbor {

/// One CBOR data item, a plain value. Each accessor answers only for an item of its own kind, and
/// with nullptr or nothing for any other, so that a reader need not ask for the kind first.
class Value {
  public:
    using Array = std::vector<Value>;
    using Map = std::vector<std::pair<Value, Value>>;  // keys are integers, byte or text strings

    /// null
    Value() = default;

    static Value number(std::uint64_t n) { return Value(Unsigned{n}); }
    static Value integer(std::int64_t n);
    /// The negative integer -1 - n, for all that CBOR has.
    static Value negative(std::uint64_t n) { return Value(Negative{n}); }
    static Value bytes(ByteSpan bytes) { return Value(Bytes(bytes.begin(), bytes.end())); }
    /// `text` is UTF-8.
    static Value text(std::string_view text) { return Value(std::string(text)); }
    static Value array(Array items) { return Value(std::move(items)); }
    /// Sorts `entries`, whose keys are distinct and are integers, byte or text strings.
    static Value map(Map entries);
    static Value tag(std::uint64_t tag, Value content);
    static Value boolean(bool value) { return Value(value); }

    bool is_null() const { return std::holds_alternative<std::monostate>(item_); }
    std::optional<bool> as_boolean() const;
    std::optional<std::uint64_t> as_number() const;
    /// Either sign, within 64 bits.
    std::optional<std::int64_t> as_integer() const;
    const Bytes* as_bytes() const { return std::get_if<Bytes>(&item_); }
    const std::string* as_text() const { return std::get_if<std::string>(&item_); }
    const Array* as_array() const { return std::get_if<Array>(&item_); }
    const Map* as_map() const { return std::get_if<Map>(&item_); }
    /// What this is a tag `tag` of.
    const Value* as_tag(std::uint64_t tag) const;
    /// The map's value of this integer key.
    const Value* find(std::int64_t key) const;

    friend bool operator==(const Value&, const Value&) = default;

  private:
    friend class Encoder;
    friend class Decoder;

    struct Unsigned {
        std::uint64_t value;
        friend bool operator==(Unsigned, Unsigned) = default;
    };
    struct Negative {
        std::uint64_t minus_one_minus;  // -1 - the number
        friend bool operator==(Negative, Negative) = default;
    };
    struct Tag {
        std::uint64_t tag;
        Array content;  // exactly one: a Value cannot hold a Value
        friend bool operator==(const Tag&, const Tag&) = default;
    };
    using Item =
        std::variant<std::monostate, bool, Unsigned, Negative, Bytes, std::string, Array, Map, Tag>;

    explicit Value(Item item) : item_(std::move(item)) {}

    Item item_;
};

/// Arrays, maps and tags within each other, at most, that decode() follows.
inline constexpr unsigned kMaxDepth = 32;

Bytes encode(const Value& value);

/// The one item that `bytes` are. Memory stays within a small multiple of `bytes`, whatever lengths
/// they declare. Errors (Stage::kImage) say at which byte and why: bytes missing or left over, a
/// head that is not the shortest, an indefinite length, a number, simple value or key of a kind not
/// named above, a key given twice, text that is not UTF-8, more than kMaxDepth levels.
Result<Value> decode(ByteSpan bytes);

}  // namespace rvmm::measure::cbor
