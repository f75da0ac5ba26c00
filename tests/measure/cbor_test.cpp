#include "measure/cbor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rvmm::measure::cbor {
namespace {

using testing::HasSubstr;

std::string hex_of(const Value& value) {
    return to_hex(encode(value));
}

Result<Value> decode_hex(std::string_view hex) {
    return decode(*from_hex(hex));
}

std::string refusal(std::string_view hex) {
    const auto value = decode_hex(hex);
    return value ? "accepted" : value.error().message();
}

Value list(std::initializer_list<Value> items) {
    return Value::array(items);
}

// RFC 8949 appendix A, as far as these kinds of items go.
TEST(CborEncode, Rfc8949Examples_GiveTheirBytes) {
    EXPECT_EQ(hex_of(Value::number(0)), "00");
    EXPECT_EQ(hex_of(Value::number(23)), "17");
    EXPECT_EQ(hex_of(Value::number(24)), "1818");
    EXPECT_EQ(hex_of(Value::number(1000)), "1903e8");
    EXPECT_EQ(hex_of(Value::number(1000000)), "1a000f4240");
    EXPECT_EQ(hex_of(Value::number(1000000000000)), "1b000000e8d4a51000");
    EXPECT_EQ(hex_of(Value::number(UINT64_MAX)), "1bffffffffffffffff");
    EXPECT_EQ(hex_of(Value::negative(UINT64_MAX)), "3bffffffffffffffff");
    EXPECT_EQ(hex_of(Value::integer(-1)), "20");
    EXPECT_EQ(hex_of(Value::integer(-1000)), "3903e7");
    EXPECT_EQ(hex_of(Value::boolean(false)), "f4");
    EXPECT_EQ(hex_of(Value::boolean(true)), "f5");
    EXPECT_EQ(hex_of(Value()), "f6");
    EXPECT_EQ(hex_of(Value::tag(32, Value::text("http://www.example.com"))),
              "d82076687474703a2f2f7777772e6578616d706c652e636f6d");
    EXPECT_EQ(hex_of(Value::bytes(*from_hex("01020304"))), "4401020304");
    EXPECT_EQ(hex_of(Value::text("\xe6\xb0\xb4")), "63e6b0b4");
    EXPECT_EQ(
        hex_of(list({Value::number(1), list({Value::number(2), Value::number(3)}), list({})})),
        "830182020380");
    EXPECT_EQ(hex_of(Value::map({{Value::text("a"), Value::number(1)},
                                 {Value::text("b"), list({Value::number(2), Value::number(3)})}})),
              "a26161016162820203");
}

TEST(CborEncode, HeadsAtTheLimits_AreTheShortest) {
    EXPECT_EQ(hex_of(Value::number(255)), "18ff");
    EXPECT_EQ(hex_of(Value::number(256)), "190100");
    EXPECT_EQ(hex_of(Value::number(65535)), "19ffff");
    EXPECT_EQ(hex_of(Value::number(65536)), "1a00010000");
    EXPECT_EQ(hex_of(Value::number(4294967295)), "1affffffff");
    EXPECT_EQ(hex_of(Value::number(4294967296)), "1b0000000100000000");
}

// RFC 8949 section 4.2.1's example of the order.
TEST(CborEncode, MapInAnyOrder_IsSortedByTheKeysBytes) {
    const auto entry = [](Value key) { return std::pair(std::move(key), Value()); };
    EXPECT_EQ(hex_of(Value::map({entry(Value::text("aa")), entry(Value::integer(-1)),
                                 entry(Value::text("z")), entry(Value::number(100)),
                                 entry(Value::number(10))})),
              "a50af61864f620f6617af6626161f6");
}

TEST(CborDecode, WhatWasEncoded_ComesBack) {
    const Value value = Value::tag(
        501, Value::map({{Value::number(0), Value::bytes(Bytes(300, std::byte{7}))},
                         {Value::integer(-70000), Value::text("text")},
                         {Value::text("list"), list({Value(), Value::boolean(true), list({})})}}));
    const auto back = decode(encode(value));
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, value);
}

TEST(CborDecode, MapOutOfOrder_IsAcceptedAndKeepsItsOrder) {
    const auto value = decode_hex("a201f400f5");
    ASSERT_TRUE(value) << value.error().message();
    EXPECT_EQ(value->find(0)->as_boolean(), true);
    EXPECT_EQ(value->find(1)->as_boolean(), false);
    EXPECT_EQ(hex_of(*value), "a201f400f5");
}

TEST(CborDecode, Accessors_AnswerOnlyForTheirKind) {
    const Value number = Value::number(5);
    EXPECT_EQ(number.as_number(), 5U);
    EXPECT_EQ(number.as_integer(), 5);
    EXPECT_EQ(number.as_bytes(), nullptr);
    EXPECT_EQ(number.as_text(), nullptr);
    EXPECT_EQ(number.as_array(), nullptr);
    EXPECT_EQ(number.as_map(), nullptr);
    EXPECT_EQ(number.as_tag(5), nullptr);
    EXPECT_EQ(number.find(0), nullptr);
    EXPECT_FALSE(number.is_null());
    EXPECT_FALSE(number.as_boolean());
    EXPECT_FALSE(Value::integer(-5).as_number());
    EXPECT_EQ(Value::integer(INT64_MIN).as_integer(), INT64_MIN);
    EXPECT_FALSE(Value::number(UINT64_MAX).as_integer());
    EXPECT_FALSE(Value::negative(UINT64_MAX).as_integer());
    const Value tag = Value::tag(18, Value::text("x"));
    EXPECT_EQ(*tag.as_tag(18)->as_text(), "x");
    EXPECT_EQ(tag.as_tag(17), nullptr);
}

TEST(CborDecode, BytesWithinBytes_DecodeByThemselves) {
    const Value inner = Value::map({{Value::number(1), Value::integer(-35)}});
    const auto outer = decode(encode(list({Value::bytes(encode(inner)), Value()})));
    ASSERT_TRUE(outer);
    const auto back = decode(*outer->as_array()->front().as_bytes());
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, inner);
}

TEST(CborDecode, CutShort_SaysWhere) {
    EXPECT_EQ(refusal(""), "CBOR, byte 0: it ends where an item is expected");
    EXPECT_EQ(refusal("8201"), "CBOR, byte 0: an array is longer than what is left");
    EXPECT_EQ(refusal("828101"), "CBOR, byte 3: it ends where an item is expected");
    EXPECT_EQ(refusal("1901"), "CBOR, byte 0: it ends within the head of an item");
    EXPECT_EQ(refusal("8144010203"), "CBOR, byte 1: a string is longer than what is left");
    EXPECT_EQ(refusal("c1"), "CBOR, byte 1: it ends where an item is expected");
}

TEST(CborDecode, HugeDeclaredLengths_AreNotBelieved) {
    for (const std::string_view head : {"5b", "7b", "9b", "bb"}) {
        EXPECT_THAT(refusal(std::string(head) + "7fffffffffffffff00"),
                    HasSubstr("longer than what is left"));
        EXPECT_THAT(refusal(std::string(head) + "ffffffffffffffff00"),
                    HasSubstr("longer than what is left"));
    }
}

TEST(CborDecode, SomethingLeftOver_IsRefused) {
    EXPECT_EQ(refusal("0000"), "CBOR, byte 1: something follows the one item expected");
}

TEST(CborDecode, LongerHeadsThanNeeded_AreRefused) {
    for (const std::string_view hex : {"1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "3817",
                                       "580100", "7800", "9800", "b800", "d81700", "d900ff00"})
        EXPECT_EQ(refusal(hex), "CBOR, byte 0: a number is not in its shortest form") << hex;
}

TEST(CborDecode, IndefiniteLengthsAndBreaks_AreRefused) {
    for (const std::string_view hex : {"5f4100ff", "7f6100ff", "9fff", "bfff", "ff"})
        EXPECT_EQ(refusal(hex), "CBOR, byte 0: indefinite lengths are not accepted") << hex;
}

TEST(CborDecode, ReservedHeads_AreRefused) {
    for (const std::string_view hex : {"1c", "3d", "5e", "9c", "dd", "fc"})
        EXPECT_EQ(refusal(hex), "CBOR, byte 0: no item begins like this") << hex;
}

TEST(CborDecode, FloatsAndOtherSimpleValues_AreRefused) {
    for (const std::string_view hex :
         {"f7", "e0", "f0", "f820", "f814", "f93c00", "fa47c35000", "fb3ff199999999999a"})
        EXPECT_THAT(refusal(hex), HasSubstr("only false, true and null are accepted")) << hex;
}

TEST(CborDecode, MapKeys_AreDistinctIntegersOrStrings) {
    EXPECT_EQ(refusal("a201000100"), "CBOR, byte 0: a map has a key twice");
    EXPECT_EQ(refusal("81a3016131026132016133"), "CBOR, byte 1: a map has a key twice");
    for (const std::string_view hex : {"a18000", "a1a000", "a1c10000", "a1f600", "a1f500"})
        EXPECT_EQ(refusal(hex), "CBOR, byte 1: a key is neither an integer nor a string") << hex;
    EXPECT_TRUE(
        decode_hex("a4000020004000"
                   "6000"));
}

TEST(CborDecode, TextThatIsNotUtf8_IsRefused) {
    EXPECT_EQ(refusal("8162c328"), "CBOR, byte 1: a text is not UTF-8");
    EXPECT_TRUE(decode_hex("42c328"));
}

TEST(CborDecode, Nesting_EndsAtTheLimit) {
    const auto nested = [](unsigned levels, const char* head) {
        std::string hex;
        for (unsigned i = 0; i < levels; ++i) hex += head;
        return hex + "00";
    };
    for (const char* head : {"81", "a100", "c1"}) {
        EXPECT_TRUE(decode_hex(nested(kMaxDepth, head))) << head;
        EXPECT_THAT(refusal(nested(kMaxDepth + 1, head)), HasSubstr("nested too deeply")) << head;
        EXPECT_THAT(refusal(nested(1'000'000, head)), HasSubstr("nested too deeply")) << head;
    }
}

}  // namespace
}  // namespace rvmm::measure::cbor
