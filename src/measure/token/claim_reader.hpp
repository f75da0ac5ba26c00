// Takes the claims out of a map, one after the other, and says by name what is wrong with one.
#pragma once

#include <initializer_list>

#include "measure/token/claims.hpp"

namespace rvmm::measure::token {

class ClaimReader {
  public:
    /// `payload` is an encoded map. `whose` begins each error: "realm token".
    static Result<ClaimReader> create(ByteSpan payload, std::string_view whose);
    /// `map` is a map within such a payload.
    ClaimReader(cbor::Value::Map map, std::string_view whose)
        : map_(std::move(map)), whose_(whose) {}

    // The claim, which is gone from the map then. `sizes` are those in bytes that it may have;
    // none: any. Those that end with _or_none may be missing.
    Result<Bytes> bytes(ClaimName name, std::initializer_list<std::size_t> sizes);
    Result<std::optional<Bytes>> bytes_or_none(ClaimName name,
                                               std::initializer_list<std::size_t> sizes);
    Result<std::string> text(ClaimName name);
    Result<std::optional<std::string>> text_or_none(ClaimName name);
    Result<std::uint64_t> number(ClaimName name, std::uint64_t max);
    Result<Hash> hash(ClaimName name);
    Result<cbor::Value::Array> array(ClaimName name);
    std::optional<cbor::Value> any(ClaimName name);
    /// What is left.
    OtherClaims others() { return std::move(map_); }

    std::unexpected<Error> wrong(ClaimName name, std::string_view why) const;

  private:
    Result<cbor::Value> needed(ClaimName name);

    cbor::Value::Map map_;
    std::string whose_;
};

}  // namespace rvmm::measure::token
