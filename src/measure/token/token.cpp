#include "measure/token/token.hpp"

namespace rvmm::measure::token {
namespace {

using cbor::Value;

constexpr ClaimName kPlatformPart{44234, "platform token"};
constexpr ClaimName kRealmPart{44241, "realm token"};
constexpr std::uint64_t kEatCwt = 263;  // CoAP content format of application/eat+cwt

/// The encoded COSE_Sign1 of one part.
Result<Bytes> part_of(const Value& map, Form form, ClaimName name) {
    const Value* part = map.find(name.number);
    if (part == nullptr) return fail(Stage::kImage, "it has no {} ({})", name.name, name.number);
    if (form == Form::kCmwCollection) {
        const Value::Array* const items = part->as_array();
        if (items == nullptr || items->size() != 2 || (*items)[0].as_number() != kEatCwt)
            return fail(Stage::kImage, "{}: [{}, bytes] is expected", name.name, kEatCwt);
        part = &(*items)[1];
    }
    if (part->as_bytes() == nullptr)
        return fail(Stage::kImage, "{}: it is no byte string", name.name);
    return *part->as_bytes();
}

Result<Sign1> message_in(const Value& map, Form form, ClaimName name) {
    RVMM_TRY(const Bytes encoded, part_of(map, form, name));
    auto message = decode_sign1(encoded);
    if (!message) return std::unexpected(std::move(message).error().with_context(name.name));
    return message;
}

Result<PublicKey> named_rak_of(const RealmClaims& claims) {
    auto key = rak_of(claims);
    if (key) return key;
    return std::unexpected(std::move(key).error().with_context(
        fmt::format("realm token: claim {} ({})", claim::kRak.number, claim::kRak.name)));
}

}  // namespace

Result<Token> decode_token(ByteSpan bytes) {
    if (bytes.size() > kMaxTokenSize)
        return fail(Stage::kImage, "it is {} bytes long; no token is longer than {}", bytes.size(),
                    kMaxTokenSize);
    RVMM_TRY(const Value value, cbor::decode(bytes));
    for (const Form form : {Form::kCcaToken, Form::kCmwCollection}) {
        const Value* const map = value.as_tag(static_cast<std::uint64_t>(form));
        if (map == nullptr) continue;
        if (map->as_map() == nullptr || map->as_map()->size() != 2)
            return fail(Stage::kImage, "a map of a platform token and a realm token is expected");
        RVMM_TRY(auto platform_message, message_in(*map, form, kPlatformPart));
        RVMM_TRY(auto platform, decode_platform_claims(platform_message.payload));
        RVMM_TRY(auto realm_message, message_in(*map, form, kRealmPart));
        RVMM_TRY(auto realm, decode_realm_claims(realm_message.payload));
        RVMM_TRY(auto rak, named_rak_of(realm));
        return Token{form,
                     std::move(platform_message),
                     std::move(platform),
                     std::move(realm_message),
                     std::move(realm),
                     std::move(rak)};
    }
    return fail(Stage::kImage, "it is no CCA token: tag 399 or 907 is expected");
}

Result<Bytes> make_token(Form form, const PlatformClaims& platform, const PrivateKey& platform_key,
                         const RealmClaims& realm, const PrivateKey& rak) {
    RVMM_TRY(const Bytes platform_part, sign1(platform_key, encode(platform)));
    RVMM_TRY(const Bytes realm_part, sign1(rak, encode(realm)));
    const auto wrapped = [form](ByteSpan part) {
        if (form == Form::kCcaToken) return Value::bytes(part);
        return Value::array({Value::number(kEatCwt), Value::bytes(part)});
    };
    return cbor::encode(
        Value::tag(static_cast<std::uint64_t>(form),
                   Value::map({{Value::integer(kPlatformPart.number), wrapped(platform_part)},
                               {Value::integer(kRealmPart.number), wrapped(realm_part)}})));
}

Result<Digest> key_binding(const RealmClaims& realm) {
    return digest(realm.rak_hash, {realm.rak});
}

Result<PublicKey> rak_of(const RealmClaims& realm) {
    return realm.profile ? PublicKey::from_cose(realm.rak) : PublicKey::from_point(realm.rak);
}

Bytes rak_claim(const PublicKey& rak, const std::optional<std::string>& profile) {
    return profile ? rak.to_cose() : rak.point();
}

}  // namespace rvmm::measure::token
