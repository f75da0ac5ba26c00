// A CoRIM of one comid around triples, whatever they say.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "measure/cbor.hpp"

namespace rvmm::measure::corim {

/// {key: content}
cbor::Value one_entry(std::int64_t key, cbor::Value content);
/// [first, second]
cbor::Value pair_of(cbor::Value first, cbor::Value second);
/// [item]
cbor::Value list_of(cbor::Value item);

using Uuid = std::array<std::byte, 16>;
struct Identifiers {
    Uuid corim;
    Uuid comid;
};

/// UUIDs of version 8 (RFC 9562), made from a SHA-256 over the profile and the triples, so that the
/// same content has the same ones. Fails (Stage::kInternal) only if OpenSSL does.
Result<Identifiers> identifiers(std::string_view profile, const cbor::Value& triples);

/// `triples` is a comid's map of them. Errors as above.
Result<Bytes> write_corim(std::string_view profile, cbor::Value triples);

}  // namespace rvmm::measure::corim
