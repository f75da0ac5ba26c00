#include "measure/endorsement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "measure/cbor.hpp"

namespace rvmm::measure {
namespace {

using cbor::Value;
using testing::HasSubstr;

Digest digest_of(Hash hash, std::uint8_t fill) {
    Digest digest(hash);
    for (std::byte& b : digest.mutable_bytes()) b = static_cast<std::byte>(fill);
    return digest;
}

Endorsement plain(Hash hash = Hash::kSha256) {
    Endorsement endorsement;
    endorsement.hash = hash;
    endorsement.rim = digest_of(hash, 0xfb);
    return endorsement;
}

Endorsement full(Hash hash) {
    Endorsement endorsement = plain(hash);
    for (std::uint8_t i = 0; i < 4; ++i) endorsement.rems[i] = digest_of(hash, i);
    endorsement.rpv = Bytes(64, std::byte{0x52});
    return endorsement;
}

// Names for the parts of a CoRIM, so that each can be made wrong by itself.
struct Form {
    Value corim_id = Value::text("an id");
    Value profile = Value::tag(32, Value::text(kRealmProfile));
    Value class_id = tagged_rim(0xfb);
    Value::Array measurements = {measurement("cca.rim", digests(1, 32, 0xfb))};
    Value::Array tags;  // the comid, unless given
    std::uint64_t triples_key = 0;
    int triple_count = 1;

    static Value tagged_rim(std::uint8_t fill) {
        return Value::tag(560, Value::bytes(Bytes(32, static_cast<std::byte>(fill))));
    }
    static Value digests(std::uint64_t algorithm, std::size_t size, std::uint8_t fill) {
        return map(2, Value::array({Value::array(
                          {Value::number(algorithm),
                           Value::bytes(Bytes(size, static_cast<std::byte>(fill)))})}));
    }
    static Value measurement(std::string_view name, Value value) {
        return Value::map({{Value::number(0), Value::text(name)}, {Value::number(1), value}});
    }
    static Value rpv(std::size_t size) {
        return map(4, Value::tag(560, Value::bytes(Bytes(size, std::byte{1}))));
    }
    static Value map(std::uint64_t key, Value content) {
        return Value::map({{Value::number(key), std::move(content)}});
    }

    Value comid() const {
        Value triple = Value::array({map(0, map(0, class_id)), Value::array(measurements)});
        Value::Array triples(static_cast<std::size_t>(triple_count), triple);
        Value comid = Value::map({{Value::number(1), map(0, Value::text("a tag"))},
                                  {Value::number(4), map(triples_key, Value::array(triples))}});
        return Value::tag(506, Value::bytes(cbor::encode(comid)));
    }
    Bytes bytes() const {
        Value all = Value::map(
            {{Value::number(0), corim_id},
             {Value::number(1), Value::array(tags.empty() ? Value::Array{comid()} : tags)},
             {Value::number(3), profile}});
        return cbor::encode(Value::tag(501, std::move(all)));
    }
    std::string refusal() const {
        const auto read = from_corim(bytes());
        return read ? "accepted" : read.error().message();
    }
};

TEST(Corim, Written_ReadsBack) {
    for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512})
        for (const Endorsement& endorsement : {plain(hash), full(hash)}) {
            const auto corim = to_corim(endorsement);
            ASSERT_TRUE(corim) << corim.error().message();
            const auto back = from_corim(*corim);
            ASSERT_TRUE(back) << back.error().message();
            EXPECT_EQ(*back, endorsement);
        }
}

// The bytes by hand from the form, but for the identifiers, which are checked below.
TEST(Corim, RimAlone_IsExactlyTheForm) {
    const auto corim = to_corim(plain());
    ASSERT_TRUE(corim);
    std::string digest;
    for (int i = 0; i < 32; ++i) digest += "fb";
    const std::string text = rvmm::to_hex(*corim);
    const std::string corim_id = text.substr(12, 32);
    const std::string tag_id = text.substr(68, 32);
    const std::string comid = "a201a10050" + tag_id + "04a1008182a100a100d902305820" + digest +
                              "81a200676363612e72696d01a1028182015820" + digest;
    ASSERT_EQ(comid.size() / 2, 0x76U);
    EXPECT_EQ(text, "d901f5a30050" + corim_id + "0181d901fa5876" + comid + "03d8207820" +
                        rvmm::to_hex(as_bytes(kRealmProfile)));
}

TEST(Corim, Identifiers_AreVersion8AndFollowTheContent) {
    const auto ids = [](const Endorsement& endorsement) {
        const auto corim = cbor::decode(*to_corim(endorsement));
        const Value& map = *corim->as_tag(501);
        const auto comid = cbor::decode(*map.find(1)->as_array()->front().as_tag(506)->as_bytes());
        return std::pair(rvmm::to_hex(*map.find(0)->as_bytes()),
                         rvmm::to_hex(*comid->find(1)->find(0)->as_bytes()));
    };
    const auto first = ids(plain());
    EXPECT_EQ(first, ids(plain()));
    for (const std::string& id : {first.first, first.second}) {
        EXPECT_EQ(id.size(), 32U);
        EXPECT_EQ(id[12], '8');
        EXPECT_THAT("89ab", HasSubstr(std::string(1, id[16])));
    }
    EXPECT_NE(first.first, first.second);
    Endorsement other = plain();
    other.rems[3] = digest_of(Hash::kSha256, 0);
    EXPECT_NE(first.first, ids(other).first);
    EXPECT_NE(first.second, ids(other).second);
}

TEST(Corim, MeasurementsOfAnotherSize_AreNotWritten) {
    Endorsement wrong_rim = plain();
    wrong_rim.rim = digest_of(Hash::kSha512, 1);
    Endorsement wrong_rem = plain();
    wrong_rem.rems[1] = digest_of(Hash::kSha384, 1);
    Endorsement no_rpv = plain();
    no_rpv.rpv = Bytes();
    Endorsement long_rpv = plain();
    long_rpv.rpv = Bytes(65);
    for (const Endorsement& wrong : {wrong_rim, wrong_rem, no_rpv, long_rpv}) {
        EXPECT_FALSE(to_corim(wrong));
        EXPECT_FALSE(to_cocli(wrong));
    }
}

TEST(Cocli, Templates_SayTheSameAsTheCorim) {
    const auto templates = to_cocli(full(Hash::kSha256));
    ASSERT_TRUE(templates) << templates.error().message();
    const auto comid = nlohmann::json::parse(templates->comid);
    const auto& triple = comid["triples"]["reference-values"][0];
    EXPECT_EQ(triple["environment"]["class"]["id"],
              nlohmann::json(
                  {{"type", "bytes"}, {"value", "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s="}}));
    const auto& measurements = triple["measurements"];
    ASSERT_EQ(measurements.size(), 6U);
    EXPECT_EQ(measurements[0]["key"], nlohmann::json({{"type", "string"}, {"value", "cca.rim"}}));
    EXPECT_EQ(measurements[0]["value"],
              nlohmann::json::parse(
                  R"({"digests":[[1,"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s"]]})"));
    EXPECT_EQ(measurements[4]["key"]["value"], "cca.rem3");
    EXPECT_EQ(measurements[4]["value"]["digests"][0][1],
              "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM");
    EXPECT_EQ(measurements[5]["key"]["value"], "cca.rpv");
    EXPECT_EQ(measurements[5]["value"]["raw-value"]["type"], "bytes");
    EXPECT_EQ(measurements[5]["value"]["raw-value"]["value"].get<std::string>().size(), 88U);
    const auto corim = nlohmann::json::parse(templates->corim);
    EXPECT_EQ(corim["profile"],
              nlohmann::json({{"type", "uri"}, {"value", std::string(kRealmProfile)}}));
    std::string id = corim["corim-id"];
    std::erase(id, '-');
    EXPECT_THAT(rvmm::to_hex(*to_corim(full(Hash::kSha256))), HasSubstr("0050" + id));
    std::string tag_id = comid["tag-identity"]["id"];
    std::erase(tag_id, '-');
    EXPECT_THAT(rvmm::to_hex(*to_corim(full(Hash::kSha256))), HasSubstr("0050" + tag_id));
}

TEST(CorimReader, OthersForm_IsAccepted) {
    Form form;
    form.measurements.push_back(Form::measurement("cca.rpv", Form::rpv(44)));
    form.measurements.insert(form.measurements.begin(),
                             Form::measurement("cca.rem1", Form::digests(1, 32, 2)));
    const auto read = from_corim(form.bytes());
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->hash, Hash::kSha256);
    EXPECT_EQ(read->rim, digest_of(Hash::kSha256, 0xfb));
    EXPECT_FALSE(read->rems[0]);
    EXPECT_EQ(read->rems[1], digest_of(Hash::kSha256, 2));
    EXPECT_EQ(read->rpv, Bytes(44, std::byte{1}));
}

TEST(CorimReader, WhatIsNoCorim_IsToldSo) {
    const auto message = [](std::string_view hex) {
        return from_corim(*from_hex(hex)).error().message();
    };
    EXPECT_EQ(message("7f45"), "it is no CoRIM: CBOR, byte 0: indefinite lengths are not accepted");
    EXPECT_EQ(message("a0"), "it is no CoRIM of a realm: tag 501 of a map is expected");
    EXPECT_EQ(message("d901f580"), "it is no CoRIM of a realm: tag 501 of a map is expected");
    EXPECT_EQ(message("d901f5a0"),
              "it is no CoRIM of a realm: its profile is not " + std::string(kRealmProfile));
}

TEST(CorimReader, AnotherProfile_IsRefused) {
    Form form;
    form.profile = Value::tag(32, Value::text("http://arm.com/cca/realm/1"));
    EXPECT_THAT(form.refusal(), HasSubstr("its profile is not tag:arm.com,2025:cca_realm#1.0.0"));
    form.profile = Value::text(kRealmProfile);
    EXPECT_THAT(form.refusal(), HasSubstr("its profile is not"));
}

TEST(CorimReader, AnythingButOneRealm_IsRefused) {
    Form two_comids;
    two_comids.tags = {two_comids.comid(), two_comids.comid()};
    EXPECT_THAT(two_comids.refusal(), HasSubstr("exactly one comid (tag 506)"));
    Form other_tag;
    other_tag.tags = {Value::tag(505, Value::bytes({}))};
    EXPECT_THAT(other_tag.refusal(), HasSubstr("exactly one comid (tag 506)"));
    Form damaged;
    damaged.tags = {Value::tag(506, Value::bytes(*from_hex("a1")))};
    EXPECT_THAT(damaged.refusal(), HasSubstr("its comid is damaged: CBOR, byte 0"));
    Form no_reference;
    no_reference.triples_key = 1;
    EXPECT_THAT(no_reference.refusal(), HasSubstr("exactly one reference triple"));
    Form two_realms;
    two_realms.triple_count = 2;
    EXPECT_THAT(two_realms.refusal(), HasSubstr("exactly one reference triple"));
}

TEST(CorimReader, Class_IsTheRim) {
    Form untagged;
    untagged.class_id = Value::bytes(Bytes(32, std::byte{0xfb}));
    EXPECT_THAT(untagged.refusal(), HasSubstr("not a class named by its RIM (tag 560)"));
    Form another;
    another.class_id = Form::tagged_rim(0xfc);
    EXPECT_THAT(another.refusal(), HasSubstr("its class is not named by its cca.rim"));
}

TEST(CorimReader, Measurements_AreThoseOfARealm) {
    const auto with = [](Value measurement) {
        Form form;
        form.measurements.push_back(std::move(measurement));
        return form.refusal();
    };
    EXPECT_THAT(with(Form::measurement("cca.rim", Form::digests(1, 32, 1))),
                HasSubstr("it has cca.rim twice"));
    EXPECT_THAT(with(Form::measurement("cca.rem4", Form::digests(1, 32, 1))),
                HasSubstr("a measurement that no realm has"));
    EXPECT_THAT(with(Form::measurement("cca.rem0", Form::digests(8, 64, 1))),
                HasSubstr("not all of one hash"));
    EXPECT_THAT(with(Form::measurement("cca.rem0", Form::digests(1, 64, 1))),
                HasSubstr("not of its hash's size"));
    EXPECT_THAT(with(Form::measurement("cca.rem0", Form::digests(2, 16, 1))),
                HasSubstr("neither of SHA-256 (1), SHA-384 (7) nor SHA-512 (8)"));
    EXPECT_THAT(with(Form::measurement("cca.rem0", Form::map(2, Value::array({})))),
                HasSubstr("not exactly one digest"));
    EXPECT_THAT(with(Form::measurement("cca.rpv", Form::rpv(0))), HasSubstr("1 to 64 bytes"));
    EXPECT_THAT(with(Form::measurement("cca.rpv", Form::rpv(65))), HasSubstr("1 to 64 bytes"));
    EXPECT_THAT(with(Form::map(0, Value::text("cca.rem0"))), HasSubstr("not a name and a value"));
    EXPECT_THAT(with(Value::number(1)), HasSubstr("not a name and a value"));

    Form twice;
    twice.measurements.push_back(Form::measurement("cca.rpv", Form::rpv(1)));
    twice.measurements.push_back(Form::measurement("cca.rpv", Form::rpv(1)));
    EXPECT_THAT(twice.refusal(), HasSubstr("it has cca.rpv twice"));
    Form none;
    none.measurements.clear();
    EXPECT_THAT(none.refusal(), HasSubstr("it has no cca.rim"));
}

}  // namespace
}  // namespace rvmm::measure
