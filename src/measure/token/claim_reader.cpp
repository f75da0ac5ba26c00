#include "measure/token/claim_reader.hpp"

#include <algorithm>

#include <fmt/ranges.h>

namespace rvmm::measure::token {

using cbor::Value;

Result<ClaimReader> ClaimReader::create(ByteSpan payload, std::string_view whose) {
    auto value = cbor::decode(payload);
    if (!value) return std::unexpected(std::move(value).error().with_context(whose));
    if (value->as_map() == nullptr)
        return fail(Stage::kImage, "{}: its payload is no map of claims", whose);
    return ClaimReader(*value->as_map(), whose);
}

std::unexpected<Error> ClaimReader::wrong(ClaimName name, std::string_view why) const {
    return fail(Stage::kImage, "{}: claim {} ({}) {}", whose_, name.number, name.name, why);
}

std::optional<Value> ClaimReader::any(ClaimName name) {
    const auto found = std::ranges::find_if(
        map_, [name](const auto& entry) { return entry.first.as_integer() == name.number; });
    if (found == map_.end()) return std::nullopt;
    Value value = std::move(found->second);
    map_.erase(found);
    return value;
}

Result<Value> ClaimReader::needed(ClaimName name) {
    auto value = any(name);
    if (!value) return wrong(name, "is missing");
    return *std::move(value);
}

Result<std::optional<Bytes>> ClaimReader::bytes_or_none(ClaimName name,
                                                        std::initializer_list<std::size_t> sizes) {
    const auto value = any(name);
    if (!value) return std::nullopt;
    const Bytes* const bytes = value->as_bytes();
    if (bytes == nullptr) return wrong(name, "is no byte string");
    if (sizes.size() != 0 && std::ranges::find(sizes, bytes->size()) == sizes.end())
        return wrong(name,
                     fmt::format("is {} bytes, not {}", bytes->size(), fmt::join(sizes, " or ")));
    return *bytes;
}

Result<Bytes> ClaimReader::bytes(ClaimName name, std::initializer_list<std::size_t> sizes) {
    RVMM_TRY(auto bytes, bytes_or_none(name, sizes));
    if (!bytes) return wrong(name, "is missing");
    return *std::move(bytes);
}

Result<std::optional<std::string>> ClaimReader::text_or_none(ClaimName name) {
    const auto value = any(name);
    if (!value) return std::nullopt;
    if (value->as_text() == nullptr) return wrong(name, "is no text");
    return *value->as_text();
}

Result<std::string> ClaimReader::text(ClaimName name) {
    RVMM_TRY(auto text, text_or_none(name));
    if (!text) return wrong(name, "is missing");
    return *std::move(text);
}

Result<std::uint64_t> ClaimReader::number(ClaimName name, std::uint64_t max) {
    RVMM_TRY(const Value value, needed(name));
    if (!value.as_number() || *value.as_number() > max)
        return wrong(name, fmt::format("is no number from 0 to {}", max));
    return *value.as_number();
}

Result<Hash> ClaimReader::hash(ClaimName name) {
    RVMM_TRY(const std::string text, this->text(name));
    for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512})
        if (claim_text(hash) == text) return hash;
    return wrong(name, "is none of \"sha-256\", \"sha-384\", \"sha-512\"");
}

Result<Value::Array> ClaimReader::array(ClaimName name) {
    RVMM_TRY(const Value value, needed(name));
    if (value.as_array() == nullptr) return wrong(name, "is no array");
    return *value.as_array();
}

}  // namespace rvmm::measure::token
