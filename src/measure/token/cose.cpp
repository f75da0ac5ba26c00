#include "measure/token/cose.hpp"

#include <array>
#include <optional>

#include "measure/cbor.hpp"

namespace rvmm::measure::token {
namespace {

using cbor::Value;

constexpr std::uint64_t kTagSign1 = 18;
constexpr std::int64_t kHeaderAlgorithm = 1;
constexpr std::int64_t kHeaderCritical = 2;
constexpr std::array kAlgorithms = {Curve::kP256, Curve::kP384, Curve::kP521};

std::unexpected<Error> no_message(std::string_view why) {
    return fail(Stage::kImage, "it is no COSE_Sign1: {}", why);
}

Result<Curve> curve_in(ByteSpan header) {
    RVMM_TRY(const Value map, cbor::decode(header));
    if (map.as_map() == nullptr) return no_message("its protected header is no map");
    if (map.find(kHeaderCritical) != nullptr)
        return no_message("its protected header says that something unknown is critical");
    const Value* const algorithm = map.find(kHeaderAlgorithm);
    if (algorithm == nullptr) return no_message("its protected header names no algorithm (1)");
    if (map.as_map()->size() != 1)
        return no_message("its protected header holds more than the algorithm");
    for (const Curve curve : kAlgorithms)
        if (algorithm->as_integer() == facts_of(curve).algorithm_id) return curve;
    return no_message("its algorithm is none of ES256 (-7), ES384 (-35), ES512 (-36)");
}

/// Sig_structure (RFC 9052 section 4.4).
Bytes signed_bytes(ByteSpan header, ByteSpan payload) {
    return cbor::encode(Value::array({Value::text("Signature1"), Value::bytes(header),
                                      Value::bytes({}), Value::bytes(payload)}));
}

}  // namespace

Result<Sign1> decode_sign1(ByteSpan bytes) {
    RVMM_TRY(const Value message, cbor::decode(bytes));
    const Value* const content = message.as_tag(kTagSign1);
    const Value::Array* const parts = content != nullptr ? content->as_array() : nullptr;
    if (parts == nullptr || parts->size() != 4) return no_message("tag 18 of four is expected");
    const Bytes* const header = (*parts)[0].as_bytes();
    const Value::Map* const open = (*parts)[1].as_map();
    const Bytes* const payload = (*parts)[2].as_bytes();
    const Bytes* const signature = (*parts)[3].as_bytes();
    if (header == nullptr || open == nullptr || payload == nullptr || signature == nullptr)
        return no_message("bytes, a map, bytes and bytes are expected in it");
    if (!open->empty()) return no_message("its unprotected header is not empty");
    RVMM_TRY(const Curve curve, curve_in(*header));
    const CurveFacts& facts = facts_of(curve);
    if (signature->size() != 2 * facts.size)
        return fail(Stage::kImage, "it is no COSE_Sign1: a signature of {} is {} bytes, not {}",
                    facts.algorithm, 2 * facts.size, signature->size());
    return Sign1{curve, *header, *payload, *signature};
}

Result<Bytes> sign1(const PrivateKey& key, ByteSpan payload) {
    const std::int64_t algorithm = facts_of(key.public_key().curve()).algorithm_id;
    const Bytes header =
        cbor::encode(Value::map({{Value::integer(kHeaderAlgorithm), Value::integer(algorithm)}}));
    RVMM_TRY(const Bytes signature, key.sign(signed_bytes(header, payload)));
    return cbor::encode(
        Value::tag(kTagSign1, Value::array({Value::bytes(header), Value::map({}),
                                            Value::bytes(payload), Value::bytes(signature)})));
}

bool verify(const Sign1& message, const PublicKey& key) {
    return message.curve == key.curve() &&
           key.verify(signed_bytes(message.header, message.payload), message.signature);
}

}  // namespace rvmm::measure::token
