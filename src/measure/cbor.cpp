#include "measure/cbor.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/overloaded.hpp"
#include "base/utf8.hpp"

namespace rvmm::measure::cbor {
namespace {

// The three high bits of an item's first byte (RFC 8949 section 3.1).
enum class Major : std::uint8_t {
    kUnsigned = 0,
    kNegative = 1,
    kBytes = 2,
    kText = 3,
    kArray = 4,
    kMap = 5,
    kTag = 6,
    kSimple = 7,
};

constexpr unsigned kInfoOneByte = 24;  // the argument is in the next byte; 25: 2, 26: 4, 27: 8
constexpr unsigned kInfoEightBytes = 27;
constexpr unsigned kInfoIndefinite = 31;
constexpr std::uint64_t kSimpleFalse = 20;
constexpr std::uint64_t kSimpleTrue = 21;
constexpr std::uint64_t kSimpleNull = 22;

bool is_key(Major major) {
    return major <= Major::kText;
}

}  // namespace

class Encoder {
  public:
    void value(const Value& value) {
        std::visit(Overloaded{
                       [&](std::monostate) { head(Major::kSimple, kSimpleNull); },
                       [&](bool is) { head(Major::kSimple, is ? kSimpleTrue : kSimpleFalse); },
                       [&](Value::Unsigned n) { head(Major::kUnsigned, n.value); },
                       [&](Value::Negative n) { head(Major::kNegative, n.minus_one_minus); },
                       [&](const Bytes& bytes) { string(Major::kBytes, bytes); },
                       [&](const std::string& text) { string(Major::kText, as_bytes(text)); },
                       [&](const Value::Array& items) {
                           head(Major::kArray, items.size());
                           for (const Value& item : items) this->value(item);
                       },
                       [&](const Value::Map& entries) {
                           head(Major::kMap, entries.size());
                           for (const auto& [key, content] : entries) {
                               this->value(key);
                               this->value(content);
                           }
                       },
                       [&](const Value::Tag& tag) {
                           head(Major::kTag, tag.tag);
                           this->value(tag.content.front());
                       },
                   },
                   value.item_);
    }
    Bytes take() { return std::move(out_); }

  private:
    void head(Major major, std::uint64_t argument) {
        const unsigned high = static_cast<unsigned>(major) << 5;
        if (argument < kInfoOneByte) {
            put(high | argument);
            return;
        }
        const unsigned log2 = argument <= UINT8_MAX    ? 0
                              : argument <= UINT16_MAX ? 1
                              : argument <= UINT32_MAX ? 2
                                                       : 3;
        put(high | (kInfoOneByte + log2));
        for (unsigned left = 1U << log2; left > 0; --left) put(argument >> (8 * (left - 1)));
    }
    void string(Major major, ByteSpan bytes) {
        head(major, bytes.size());
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }
    void put(std::uint64_t byte) { out_.push_back(static_cast<std::byte>(byte & 0xff)); }

    Bytes out_;
};

class Decoder {
  public:
    explicit Decoder(ByteSpan bytes) : bytes_(bytes) {}

    Result<Value> whole() {
        RVMM_TRY(Value item, value(0));
        if (at_ != bytes_.size()) return wrong(at_, "something follows the one item expected");
        return item;
    }

  private:
    struct Head {
        std::size_t offset;
        Major major;
        unsigned info;
        std::uint64_t argument;
    };

    Result<Head> head();
    Result<Value> value(unsigned depth);
    Result<Value> simple(const Head& head) const;
    Result<ByteSpan> string(const Head& head);
    Result<Value> text(const Head& head);
    Result<Value> array(const Head& head, unsigned depth);
    Result<Value> map(const Head& head, unsigned depth);
    Result<> check_distinct(const Head& head, std::vector<ByteSpan> keys) const;

    std::size_t left() const { return bytes_.size() - at_; }
    static std::unexpected<Error> wrong(std::size_t offset, std::string_view why) {
        return fail(Stage::kImage, "CBOR, byte {}: {}", offset, why);
    }

    ByteSpan bytes_;
    std::size_t at_ = 0;
};

Result<Decoder::Head> Decoder::head() {
    const std::size_t offset = at_;
    if (left() == 0) return wrong(offset, "it ends where an item is expected");
    const auto first = std::to_integer<unsigned>(bytes_[at_++]);
    Head head{offset, static_cast<Major>(first >> 5), first & 31, first & 31};
    if (head.info < kInfoOneByte) return head;
    if (head.info == kInfoIndefinite) return wrong(offset, "indefinite lengths are not accepted");
    if (head.info > kInfoEightBytes) return wrong(offset, "no item begins like this");
    const std::size_t size = std::size_t{1} << (head.info - kInfoOneByte);
    if (left() < size) return wrong(offset, "it ends within the head of an item");
    head.argument = 0;
    for (std::size_t i = 0; i < size; ++i)
        head.argument = (head.argument << 8) | std::to_integer<std::uint64_t>(bytes_[at_++]);
    if (head.major == Major::kSimple) return head;
    const std::uint64_t smallest = size == 1 ? kInfoOneByte : std::uint64_t{1} << (size * 4);
    if (head.argument < smallest) return wrong(offset, "a number is not in its shortest form");
    return head;
}

Result<Value> Decoder::value(unsigned depth) {
    RVMM_TRY(const Head head, this->head());
    const bool nests = head.major >= Major::kArray && head.major <= Major::kTag;
    if (nests && depth == kMaxDepth) return wrong(head.offset, "it is nested too deeply");
    switch (head.major) {
        case Major::kUnsigned:
            return Value::number(head.argument);
        case Major::kNegative:
            return Value::negative(head.argument);
        case Major::kBytes: {
            RVMM_TRY(const ByteSpan bytes, string(head));
            return Value::bytes(bytes);
        }
        case Major::kText:
            return text(head);
        case Major::kArray:
            return array(head, depth + 1);
        case Major::kMap:
            return map(head, depth + 1);
        case Major::kTag: {
            RVMM_TRY(Value content, value(depth + 1));
            return Value::tag(head.argument, std::move(content));
        }
        case Major::kSimple:
            return simple(head);
    }
    return wrong(head.offset, "no item begins like this");
}

Result<Value> Decoder::simple(const Head& head) const {
    if (head.info == kSimpleFalse || head.info == kSimpleTrue)
        return Value::boolean(head.info == kSimpleTrue);
    if (head.info == kSimpleNull) return Value();
    return wrong(head.offset, "of simple values and floats only false, true and null are accepted");
}

Result<ByteSpan> Decoder::string(const Head& head) {
    if (head.argument > left()) return wrong(head.offset, "a string is longer than what is left");
    const ByteSpan bytes = bytes_.subspan(at_, static_cast<std::size_t>(head.argument));
    at_ += bytes.size();
    return bytes;
}

Result<Value> Decoder::text(const Head& head) {
    RVMM_TRY(const ByteSpan bytes, string(head));
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!is_utf8(text)) return wrong(head.offset, "a text is not UTF-8");
    return Value::text(text);
}

// An item is at least one byte, so no count above what is left is believed.
Result<Value> Decoder::array(const Head& head, unsigned depth) {
    if (head.argument > left()) return wrong(head.offset, "an array is longer than what is left");
    Value::Array items;
    for (std::uint64_t i = 0; i < head.argument; ++i) {
        RVMM_TRY(Value item, value(depth));
        items.push_back(std::move(item));
    }
    return Value::array(std::move(items));
}

Result<Value> Decoder::map(const Head& head, unsigned depth) {
    if (head.argument > left() / 2) return wrong(head.offset, "a map is longer than what is left");
    Value::Map entries;
    std::vector<ByteSpan> keys;
    for (std::uint64_t i = 0; i < head.argument; ++i) {
        const std::size_t start = at_;
        RVMM_TRY(Value key, value(depth));
        keys.push_back(bytes_.subspan(start, at_ - start));
        if (!is_key(static_cast<Major>(std::to_integer<unsigned>(keys.back()[0]) >> 5)))
            return wrong(start, "a key is neither an integer nor a string");
        RVMM_TRY(Value content, value(depth));
        entries.emplace_back(std::move(key), std::move(content));
    }
    RVMM_CHECK(check_distinct(head, std::move(keys)));
    return Value(Value::Item(std::move(entries)));
}

// Heads are the shortest, so equal keys are equal bytes.
Result<> Decoder::check_distinct(const Head& head, std::vector<ByteSpan> keys) const {
    std::ranges::sort(keys, std::ranges::lexicographical_compare);
    const auto same = [](ByteSpan a, ByteSpan b) { return std::ranges::equal(a, b); };
    if (std::ranges::adjacent_find(keys, same) == keys.end()) return {};
    return wrong(head.offset, "a map has a key twice");
}

Value Value::integer(std::int64_t n) {
    return n < 0 ? negative(~static_cast<std::uint64_t>(n)) : number(static_cast<std::uint64_t>(n));
}

Value Value::map(Map entries) {
    std::ranges::sort(entries, [](const auto& a, const auto& b) {
        return std::ranges::lexicographical_compare(encode(a.first), encode(b.first));
    });
    return Value(Item(std::move(entries)));
}

Value Value::tag(std::uint64_t tag, Value content) {
    Array one;
    one.push_back(std::move(content));
    return Value(Tag{tag, std::move(one)});
}

std::optional<bool> Value::as_boolean() const {
    const bool* const value = std::get_if<bool>(&item_);
    return value != nullptr ? std::optional(*value) : std::nullopt;
}

std::optional<std::uint64_t> Value::as_number() const {
    const auto* const n = std::get_if<Unsigned>(&item_);
    return n != nullptr ? std::optional(n->value) : std::nullopt;
}

std::optional<std::int64_t> Value::as_integer() const {
    constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
    const auto* const positive = std::get_if<Unsigned>(&item_);
    if (positive != nullptr && positive->value <= max)
        return static_cast<std::int64_t>(positive->value);
    const auto* const negative = std::get_if<Negative>(&item_);
    if (negative != nullptr && negative->minus_one_minus <= max)
        return static_cast<std::int64_t>(~negative->minus_one_minus);
    return std::nullopt;
}

const Value* Value::as_tag(std::uint64_t tag) const {
    const auto* const found = std::get_if<Tag>(&item_);
    return found != nullptr && found->tag == tag ? &found->content.front() : nullptr;
}

const Value* Value::find(std::int64_t key) const {
    const Map* const entries = as_map();
    if (entries == nullptr) return nullptr;
    for (const auto& [name, content] : *entries)
        if (name.as_integer() == key) return &content;
    return nullptr;
}

Bytes encode(const Value& value) {
    Encoder encoder;
    encoder.value(value);
    return encoder.take();
}

Result<Value> decode(ByteSpan bytes) {
    return Decoder(bytes).whole();
}

}  // namespace rvmm::measure::cbor
