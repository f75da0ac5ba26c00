// Tokens read and written: TF-RMM's own, and every way in which one can be none.
#include "measure/token/token.hpp"

#include <gmock/gmock.h>

#include "measure/token/token_maker.hpp"

namespace rvmm::measure::token {
namespace {

using cbor::Value;
using ::testing::HasSubstr;

class ReferenceTokens : public ::testing::TestWithParam<const char*> {};

TEST_P(ReferenceTokens, Claims_AreWritableAgain) {
    const auto token = decode_token(reference_token(GetParam()));
    ASSERT_TRUE(token) << token.error().message();
    EXPECT_TRUE(token->platform.others.empty());
    EXPECT_TRUE(token->realm.others.empty());
    EXPECT_EQ(*decode_platform_claims(encode(token->platform)), token->platform);
    EXPECT_EQ(*decode_realm_claims(encode(token->realm)), token->realm);
    EXPECT_EQ(token->platform.lifecycle, 0x3003);
    EXPECT_FALSE(is_emulated(token->platform));
    EXPECT_EQ(token->rak.curve(), Curve::kP384);
}

INSTANTIATE_TEST_SUITE_P(All, ReferenceTokens,
                         ::testing::Values("rmm1-sha256", "rmm2-sha256", "rmm2-sha384",
                                           "launch-v14", "launch-v12", "launch-v10"),
                         reference_name);

TEST(ReferenceToken, OfRmm1_HasTheOldFormAndNoInstance) {
    const auto token = decode_token(reference_token("rmm1-sha256"));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->form, Form::kCcaToken);
    EXPECT_EQ(token->realm.profile, kRealmProfile2023);
    EXPECT_FALSE(token->realm.instance_id);
    EXPECT_FALSE(token->realm.mec_policy);
    EXPECT_EQ(to_hex(token->realm.rim),
              "d08ef9fdbfad6a7b95835800900614a7b35979be9e348df3c730ee94f033d052");
    EXPECT_EQ(token->platform.components.at(0).type, "RSE_BL1_2");
}

TEST(ReferenceToken, OfRmm2Sha384_HasTheNewFormAndItsHash) {
    const auto token = decode_token(reference_token("rmm2-sha384"));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->form, Form::kCmwCollection);
    EXPECT_EQ(token->realm.profile, kRealmProfile2024);
    EXPECT_EQ(token->realm.hash, Hash::kSha384);
    EXPECT_EQ(token->realm.rak_hash, Hash::kSha256);
    EXPECT_EQ(token->realm.rems[3].size(), 48u);
    EXPECT_EQ(token->realm.mec_policy, MecPolicy::kShared);
    EXPECT_FALSE(token->realm.mec_policy_is_text);
    ASSERT_TRUE(token->realm.instance_id);
}

TEST(ReferenceToken, OfRmm080_HasItsMecPolicyInWords) {
    const auto token = decode_token(reference_token("launch-v12"));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->realm.mec_policy, MecPolicy::kShared);
    EXPECT_TRUE(token->realm.mec_policy_is_text);
}

TEST(MadeTokens, EveryFormProfileHashAndCurve_IsReadBack) {
    for (const Form form : {Form::kCcaToken, Form::kCmwCollection})
        for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512})
            for (const auto& profile :
                 {std::optional<std::string>(), std::optional(std::string(kRealmProfile2023)),
                  std::optional(std::string(kRealmProfile2024))})
                for (const Curve curve : {Curve::kP256, Curve::kP384, Curve::kP521}) {
                    const MadeToken maker{.rak = *PrivateKey::generate(curve),
                                          .form = form,
                                          .hash = hash,
                                          .profile = profile};
                    const auto token = decode_token(maker.make());
                    ASSERT_TRUE(token) << token.error().message();
                    EXPECT_EQ(token->form, form);
                    EXPECT_EQ(token->realm, made_realm(hash, profile, maker.rak.public_key()));
                    EXPECT_EQ(token->rak, maker.rak.public_key());
                    EXPECT_TRUE(is_emulated(token->platform));
                    EXPECT_LT(maker.make().size(), 4096u);
                }
}

/// Why a token with these claims is refused.
std::string refused(const std::function<void(PlatformClaims&, RealmClaims&)>& change) {
    const auto token = decode_token(MadeToken().make(change));
    return token ? "accepted" : token.error().message();
}

TEST(WrongClaims, AreNamed) {
    EXPECT_EQ(refused([](auto&, RealmClaims& realm) { realm.challenge.resize(63); }),
              "realm token: claim 10 (cca-realm-challenge) is 63 bytes, not 64");
    EXPECT_EQ(refused([](auto&, RealmClaims& realm) { realm.rpv.clear(); }),
              "realm token: claim 44235 (cca-realm-personalization-value) is 0 bytes, not 64");
    EXPECT_EQ(refused([](auto&, RealmClaims& realm) { realm.rim = Digest(Hash::kSha512); }),
              "realm token: claim 44238 (cca-realm-initial-measurement) is 64 bytes, not 32");
    EXPECT_EQ(
        refused([](auto&, RealmClaims& realm) { realm.rems[2] = Digest(Hash::kSha384); }),
        "realm token: claim 44239 (cca-realm-extensible-measurements) is not of 32 bytes each");
    EXPECT_EQ(refused([](auto&, RealmClaims& realm) { realm.instance_id = Bytes(32); }),
              "realm token: claim 256 (cca-realm-instance-id) is 32 bytes, not 33");
    EXPECT_THAT(refused([](auto&, RealmClaims& realm) { realm.rak.pop_back(); }),
                HasSubstr("realm token: claim 44237 (cca-realm-public-key): "));
    EXPECT_THAT(refused([](auto&, RealmClaims& realm) { realm.profile.reset(); }),
                HasSubstr("no uncompressed point"));
    EXPECT_EQ(refused([](PlatformClaims& platform, auto&) { platform.challenge.resize(31); }),
              "platform token: claim 10 (cca-platform-challenge) is 31 bytes, not 32 or 48 or 64");
    EXPECT_EQ(refused([](PlatformClaims& platform, auto&) { platform.implementation_id.clear(); }),
              "platform token: claim 2396 (cca-platform-implementation-id) is 0 bytes, not 32");
    EXPECT_THAT(refused([](PlatformClaims& platform, auto&) {
                    platform.components[0].measurement.resize(5);
                }),
                HasSubstr("software component: claim 2 (measurement-value) is 5 bytes"));
    EXPECT_THAT(refused([](PlatformClaims& platform, auto&) {
                    platform.components[0].others = {{Value::number(6), Value::number(0)}};
                    platform.components[0].hash.reset();
                }),
                HasSubstr("claim 6 (hash-algo-id) is no text"));
}

TEST(UnknownClaims, AreKept) {
    const Bytes bytes = MadeToken().make([](PlatformClaims& platform, RealmClaims& realm) {
        platform.others = {{Value::number(2408), Value::bytes({})}};
        realm.others = {{Value::number(44257), Value::text("x")}};
    });
    const auto token = decode_token(bytes);
    ASSERT_TRUE(token) << token.error().message();
    EXPECT_EQ(token->platform.others.at(0).first, Value::number(2408));
    EXPECT_EQ(token->realm.others.at(0).second, Value::text("x"));
}

/// The claims of one kind of payload, each left out in turn and of another type in turn.
template <class Decode>
void check_each(const Bytes& payload, const std::vector<std::int64_t>& optional, Decode decode) {
    const Value::Map claims = *cbor::decode(payload)->as_map();
    for (std::size_t i = 0; i < claims.size(); ++i) {
        const std::int64_t number = *claims[i].first.as_integer();
        Value::Map fewer = claims;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
        const auto without = decode(cbor::encode(Value::map(fewer)));
        const bool may_miss = std::ranges::find(optional, number) != optional.end();
        EXPECT_EQ(without.has_value(), may_miss) << number;
        if (!without) {
            EXPECT_THAT(without.error().message(), HasSubstr("is missing")) << number;
        }
        Value::Map other = claims;
        other[i].second = Value::boolean(true);
        const auto wrong = decode(cbor::encode(Value::map(other)));
        ASSERT_FALSE(wrong) << number;
        EXPECT_THAT(wrong.error().message(), HasSubstr(fmt::format("claim {} (", number)));
    }
}

TEST(Claims, EachIsNeededAndOfItsKind) {
    const auto token = decode_token(MadeToken().make(
        [](PlatformClaims& platform, auto&) { platform.verifier = "https://verifier.example"; }));
    ASSERT_TRUE(token);
    check_each(token->platform_message.payload, {2400}, decode_platform_claims);
    check_each(token->realm_message.payload, {256, 265, 44243}, decode_realm_claims);
}

/// A good token, with something in it changed on the way.
std::string decoded(const std::function<void(Value::Map&)>& change_map, std::uint64_t tag = 399) {
    const MadeToken maker{.form = Form::kCcaToken};
    const Value token = *cbor::decode(maker.make());
    Value::Map map = *token.as_tag(399)->as_map();
    change_map(map);
    const auto again = decode_token(cbor::encode(Value::tag(tag, Value::map(std::move(map)))));
    return again ? "accepted" : again.error().message();
}

/// The same of the platform's COSE_Sign1.
std::string decoded_message(const std::function<void(Value::Array&)>& change) {
    return decoded([&](Value::Map& map) {
        const Value message = *cbor::decode(*map[0].second.as_bytes());
        Value::Array parts = *message.as_tag(18)->as_array();
        change(parts);
        map[0].second = Value::bytes(cbor::encode(Value::tag(18, Value::array(parts))));
    });
}

TEST(Wrapping, OtherShapes_AreRefused) {
    EXPECT_EQ(decoded([](auto&) {}), "accepted");
    EXPECT_THAT(decoded([](auto&) {}, 400), HasSubstr("tag 399 or 907"));
    EXPECT_THAT(decoded([](auto&) {}, 907), HasSubstr("platform token: [263, bytes] is expected"));
    EXPECT_THAT(decoded([](Value::Map& map) { map.pop_back(); }), HasSubstr("a map of a platform"));
    EXPECT_THAT(
        decoded([](Value::Map& map) { map.emplace_back(Value::number(1), Value::number(1)); }),
        HasSubstr("a map of a platform"));
    EXPECT_THAT(decoded([](Value::Map& map) { map[1].first = Value::number(1); }),
                HasSubstr("it has no realm token (44241)"));
    EXPECT_THAT(decoded([](Value::Map& map) { map[1].second = Value::number(1); }),
                HasSubstr("realm token: it is no byte string"));
    EXPECT_THAT(decoded([](Value::Map& map) { map[1].second = Value::bytes({}); }),
                HasSubstr("realm token: "));
}

TEST(Sign1, OtherShapes_AreRefused) {
    EXPECT_EQ(decoded_message([](auto&) {}), "accepted");
    EXPECT_THAT(decoded_message([](Value::Array& parts) { parts.pop_back(); }),
                HasSubstr("platform token: it is no COSE_Sign1: tag 18 of four is expected"));
    EXPECT_THAT(decoded_message([](Value::Array& parts) {
                    parts[1] = Value::map({{Value::number(4), Value::bytes({})}});
                }),
                HasSubstr("unprotected header is not empty"));
    const auto with_header = [](Value::Map header) {
        return decoded_message([&](Value::Array& parts) {
            parts[0] = Value::bytes(cbor::encode(Value::map(std::move(header))));
        });
    };
    const auto n = [](std::int64_t number) { return Value::integer(number); };
    EXPECT_THAT(with_header({}), HasSubstr("names no algorithm"));
    EXPECT_THAT(with_header({{n(1), n(-8)}}), HasSubstr("none of ES256 (-7)"));
    EXPECT_THAT(with_header({{n(1), n(-7)}}),
                HasSubstr("a signature of ES256 is 64 bytes, not 96"));
    EXPECT_THAT(with_header({{n(1), n(-35)}, {n(2), Value::array({n(99)})}, {n(99), n(1)}}),
                HasSubstr("critical"));
    EXPECT_THAT(with_header({{n(1), n(-35)}, {n(4), Value::bytes({})}}),
                HasSubstr("more than the algorithm"));
    EXPECT_THAT(decoded_message([](Value::Array& parts) { parts[0] = Value::bytes({}); }),
                HasSubstr("platform token: "));
    EXPECT_THAT(decoded_message([](Value::Array& parts) { parts[2] = Value(); }),
                HasSubstr("bytes, a map, bytes and bytes"));
}

TEST(Hostile, NestingAndLengths_AreRefusedAtOnce) {
    const auto begin = std::chrono::steady_clock::now();
    Bytes nested(10 << 20, std::byte{0x81});  // arrays of one, without end
    EXPECT_FALSE(decode_token(nested));
    nested.resize(kMaxTokenSize);
    EXPECT_FALSE(decode_token(nested));
    EXPECT_FALSE(decode_token(Bytes(1000, std::byte{0xd8})));
    for (const std::string_view head : {"d9018f5b7fffffffffffffff", "d9018f9b7fffffffffffffff",
                                        "d9018fbb7fffffffffffffff", "d9018f5bffffffffffffffff"})
        EXPECT_FALSE(decode_token(*from_hex(head))) << head;
    EXPECT_FALSE(decode_token({}));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    const Bytes good = MadeToken().make();
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(decode_token(ByteSpan(good).first(size))) << size;
    Bytes longer = good;
    longer.push_back({});
    EXPECT_FALSE(decode_token(longer));
}

}  // namespace
}  // namespace rvmm::measure::token
