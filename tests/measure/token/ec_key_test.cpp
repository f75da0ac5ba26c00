#include "measure/token/ec_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "measure/cbor.hpp"
#include "measure/token/emulated_platform.hpp"

namespace rvmm::measure::token {
namespace {

using ::testing::HasSubstr;

class EcKeyTest : public ::testing::TestWithParam<Curve> {
  protected:
    PrivateKey key = *PrivateKey::generate(GetParam());
    const CurveFacts& facts = facts_of(GetParam());
};

TEST_P(EcKeyTest, Signature_IsOfThisMessageAndKeyAlone) {
    const Bytes message(100, std::byte{1});
    const Bytes signature = *key.sign(message);
    EXPECT_EQ(signature.size(), 2 * facts.size);
    EXPECT_TRUE(key.public_key().verify(message, signature));
    EXPECT_FALSE(key.public_key().verify(Bytes(99, std::byte{1}), signature));
    EXPECT_FALSE(PrivateKey::generate(GetParam())->public_key().verify(message, signature));
    for (std::size_t i = 0; i < signature.size(); ++i) {
        Bytes other = signature;
        other[i] ^= std::byte{1};
        EXPECT_FALSE(key.public_key().verify(message, other)) << i;
    }
}

TEST_P(EcKeyTest, SignatureOfAnotherSize_IsNone) {
    const Bytes signature = *key.sign({});
    for (const std::size_t size : {std::size_t{0}, signature.size() - 1, signature.size() + 1})
        EXPECT_FALSE(key.public_key().verify({}, Bytes(size))) << size;
    EXPECT_FALSE(key.public_key().verify({}, Bytes(signature.size()))) << "r and s are zero";
    EXPECT_FALSE(key.public_key().verify({}, Bytes(signature.size(), std::byte{0xff})));
}

TEST_P(EcKeyTest, Encodings_GiveTheSameKey) {
    const PublicKey& known = key.public_key();
    EXPECT_EQ(*PublicKey::from_point(known.point()), known);
    EXPECT_EQ(*PublicKey::from_cose(known.to_cose()), known);
    EXPECT_EQ(*PublicKey::from_file(as_bytes(known.to_pem())), known);
    EXPECT_THAT(known.to_pem(), HasSubstr("BEGIN PUBLIC KEY"));
    const auto again = PrivateKey::from_pem(as_bytes(key.to_pem()));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(again->public_key(), known);
    EXPECT_TRUE(known.verify({}, *again->sign({})));
}

TEST_P(EcKeyTest, PointThatIsNotOnTheCurve_IsRefused) {
    Bytes point = key.public_key().point();
    point.back() ^= std::byte{1};
    const auto refused = PublicKey::from_point(point);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), fmt::format("it is no point of {}", facts.name));
    EXPECT_FALSE(PublicKey::from_point(Bytes(point.size())));
    Bytes infinity(point.size());
    infinity[0] = std::byte{4};
    EXPECT_FALSE(PublicKey::from_point(infinity));
    point.pop_back();
    EXPECT_THAT(PublicKey::from_point(point).error().message(), HasSubstr("no uncompressed point"));
    EXPECT_FALSE(PublicKey::from_point({}));
}

TEST_P(EcKeyTest, Number_MustBeBelowTheOrder) {
    EXPECT_FALSE(PrivateKey::from_number(GetParam(), Bytes(facts.size)));
    EXPECT_FALSE(PrivateKey::from_number(GetParam(), Bytes(facts.size, std::byte{0xff})));
    EXPECT_FALSE(PrivateKey::from_number(GetParam(), Bytes(facts.size - 1, std::byte{1})));
    Bytes one(facts.size);
    one.back() = std::byte{1};
    const auto generator = PrivateKey::from_number(GetParam(), one);
    ASSERT_TRUE(generator) << generator.error().message();
    EXPECT_TRUE(generator->public_key().verify(one, *generator->sign(one)));
}

INSTANTIATE_TEST_SUITE_P(Curves, EcKeyTest,
                         ::testing::Values(Curve::kP256, Curve::kP384, Curve::kP521),
                         [](const auto& curve) {
                             return std::string(facts_of(curve.param).algorithm);
                         });

TEST(CoseKey, OtherShapes_AreRefused) {
    using cbor::Value;
    const Bytes point = PrivateKey::generate(Curve::kP256)->public_key().point();
    const Value x = Value::bytes(ByteSpan(point).subspan(1, 32));
    const Value y = Value::bytes(ByteSpan(point).subspan(33));
    const auto refused = [](Value::Map entries) {
        const auto key = PublicKey::from_cose(cbor::encode(Value::map(std::move(entries))));
        return key ? std::string("accepted") : key.error().message();
    };
    const auto n = [](std::int64_t number) { return Value::integer(number); };
    EXPECT_EQ(refused({{n(1), n(2)}, {n(-1), n(1)}, {n(-2), x}, {n(-3), y}}), "accepted");
    EXPECT_THAT(refused({{n(1), n(1)}, {n(-1), n(1)}, {n(-2), x}, {n(-3), y}}), HasSubstr("EC2"));
    EXPECT_THAT(refused({{n(1), n(2)}, {n(-1), n(8)}, {n(-2), x}, {n(-3), y}}),
                HasSubstr("its curve"));
    EXPECT_THAT(refused({{n(1), n(2)}, {n(-1), n(2)}, {n(-2), x}, {n(-3), y}}),
                HasSubstr("x and y of P-384 are 48 bytes"));
    EXPECT_THAT(refused({{n(1), n(2)}, {n(-1), n(1)}, {n(-2), x}}), HasSubstr("exactly"));
    EXPECT_THAT(refused({{n(1), n(2)}, {n(-1), n(1)}, {n(-2), x}, {n(-3), y}, {n(3), n(-7)}}),
                HasSubstr("exactly"));
    EXPECT_THAT(refused({{n(1), n(2)}, {n(-1), n(1)}, {n(-2), x}, {n(-3), Value::boolean(true)}}),
                HasSubstr("exactly"));
}

TEST(KeyFile, WhatIsNone_SaysSo) {
    for (const std::string_view text : {"", "hello", "-----BEGIN PUBLIC KEY-----\nAAAA\n"}) {
        const auto key = PublicKey::from_file(as_bytes(text));
        ASSERT_FALSE(key) << text;
        EXPECT_EQ(key.error().stage(), Stage::kImage);
        EXPECT_THAT(key.error().message(), HasSubstr("no public key as PEM or DER"));
        EXPECT_FALSE(PrivateKey::from_pem(as_bytes(text)));
    }
}

TEST(TestKey, IsTheOneThatIsPublished) {
    const auto key = test_key();
    ASSERT_TRUE(key) << key.error().message();
    EXPECT_EQ(key->public_key().curve(), Curve::kP384);
    EXPECT_EQ(key->public_key(), test_key()->public_key());
}

}  // namespace
}  // namespace rvmm::measure::token
