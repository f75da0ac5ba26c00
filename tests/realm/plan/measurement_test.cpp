#include "realm/plan/measurement.hpp"

#include <algorithm>

#include <gmock/gmock.h>

#include "realm/plan/golden.hpp"
#include "realm/plan/small_image.hpp"

namespace rvmm::realm {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string changed(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    return text;
}

std::string why(std::string_view json) {
    const auto read = parse_measurement(json, "m.json");
    if (read) return "accepted";
    EXPECT_EQ(read.error().stage(), Stage::kImage);
    return read.error().message();
}

TEST(Measurement, SmallImage_IsTheGoldenDocument) {
    EXPECT_EQ(to_json(test::SmallImage().measurement()), test::golden("small.json"));
}

TEST(Measurement, SmallImage_IsTheGoldenText) {
    test::SmallImage image;
    EXPECT_EQ(to_text(image.measurement()), test::golden("small.txt"));
    image.spec.realm->profile = "kvm-v10";
    image.spec.realm->personalization.fill(std::byte{0xab});
    EXPECT_EQ(to_text(image.measurement()), test::golden("small-v10.txt"));
}

TEST(Measurement, UnverifiedProfile_SaysSo) {
    test::SmallImage image;
    image.spec.realm->profile = "rmm-2.0/spec + kvm-v14";
    const Measurement measured = image.measurement();
    EXPECT_THAT(to_text(measured), HasSubstr("kvm-v14, not verified (the draft's text; no public"));
    EXPECT_THAT(to_text(measured), HasSubstr("(not measured by this rule)\n"));
    EXPECT_THAT(to_json(measured), HasSubstr("\"verified\": false"));
}

TEST(Measurement, ManyVcpus_StayWithinAScreen) {
    test::SmallImage image;
    image.spec.machine.vcpus = 512;
    const std::string text = to_text(image.measurement());
    EXPECT_LT(std::ranges::count(text, '\n'), 25);
    EXPECT_THAT(text, HasSubstr("511 more vCPUs, not measured\n"));
}

TEST(Measurement, TwoFolders_GiveTheSameDocument) {
    EXPECT_EQ(to_json(test::SmallImage().measurement()), to_json(test::SmallImage().measurement()));
}

TEST(Measurement, WhatIsWritten_IsReadAgainTheSame) {
    test::SmallImage image;
    for (const char* profile : {"kvm-v14", "kvm-v12", "kvm-v10", "emulated"}) {
        for (const auto hash : {measure::Hash::kSha256, measure::Hash::kSha512}) {
            image.spec.realm->profile = profile;
            if (std::string_view(profile) == "emulated") image.spec.realm->hash = hash;
            Measurement measured = image.measurement();
            const auto read = parse_measurement(to_json(measured), "m.json");
            ASSERT_TRUE(read) << read.error().message();
            measured.note.clear();  // not in the document
            EXPECT_EQ(*read, measured);
        }
    }
}

TEST(Measurement, UnknownKeys_AreIgnored) {
    const std::string json = test::golden("small.json");
    EXPECT_EQ(why(changed(json, "{\n", "{\n  \"when\": [1],\n")), "accepted");
}

TEST(Measurement, WhatIsNotOurs_IsRefused) {
    EXPECT_EQ(why(""), "m.json: it is not a JSON object");
    EXPECT_EQ(why("[]"), "m.json: it is not a JSON object");
    EXPECT_EQ(why("{\"rim\":\"00\""), "m.json: it is not a JSON object");
    EXPECT_EQ(why("{}"), "m.json: it is not a measurement that rvmm wrote");
    EXPECT_EQ(why(R"({"tool":"rvmm 0.1.0","host":"lab"})"),
              "m.json: it is not a measurement that rvmm wrote");
    EXPECT_EQ(why(R"({"tool":"rvmm 0.1.0","rim":"00"})"), "m.json: profile is missing");
}

TEST(Measurement, WrongKeys_AreNamed) {
    const std::string json = test::golden("small.json");
    const auto refusal = [&](std::string_view from, std::string_view to) {
        return why(changed(json, from, to));
    };
    EXPECT_EQ(refusal("\"verified\": true", "\"verified\": 1"),
              "m.json: verified is not true or false");
    EXPECT_EQ(refusal("rmm-2.0/tf-rmm\",", "rmm-3.0\","),
              "m.json: rule is not a name that is known");
    EXPECT_EQ(refusal("\"sha256\"", "\"md5\""), "m.json: hash is not a name that is known");
    EXPECT_EQ(refusal("\"sha256\"", "\"sha512\""), "m.json: rim is not 128 hex digits");
    EXPECT_EQ(refusal("\"rim\": \"", "\"rim\": \"00"), "m.json: rim is not 64 hex digits");
    EXPECT_EQ(refusal("\"rems\": [\n", "\"rems\": [1,\n"), "m.json: rems is not a list of 4");
    EXPECT_EQ(refusal("\"flags0\": \"0x0\"", "\"flags0\": 0"),
              "m.json: parameters.flags0 is not a string 0x... of 64 bits");
    EXPECT_EQ(refusal("\"s2sz\": 40", "\"s2sz\": -1"),
              "m.json: parameters.s2sz is not a number of at most 4294967295");
    EXPECT_EQ(refusal("\"hash_algo\": 0", "\"hash_algo\": 1"),
              "m.json: parameters is not of the same hash");
    EXPECT_EQ(refusal("\"parameters\"", "\"parameter\""), "m.json: parameters is missing");
    EXPECT_EQ(refusal("\"kind\": \"create\"", "\"kind\": \"made\""),
              "m.json: steps[0].kind is not create, data, rec or ripas");
    EXPECT_EQ(refusal("\"kind\": \"create\"", "\"kind\": \"rec\""),
              "m.json: steps[0].index is missing");
    EXPECT_EQ(refusal("\"granule\": 4096", "\"granule\": 0"),
              "m.json: steps[1].granule is not 4096, 16384 or 65536");
    EXPECT_EQ(refusal("\"size\": 8192", "\"size\": 8191"),
              "m.json: steps[1].size is not a number of whole granules");
    EXPECT_EQ(refusal("\"base\": \"0x80000000\"", "\"base\": \"0xfffffffffffff000\""),
              "m.json: steps[1].base is not the start of a granule");
    EXPECT_EQ(refusal("\"source_size\": 5000", "\"source_size\": 9000"),
              "m.json: steps[1].source_size is not at most size");
    EXPECT_EQ(refusal("\"top\": \"0x84000000\"", "\"top\": \"0x1\""),
              "m.json: steps[7].top is not at least base");
    EXPECT_EQ(refusal("\"fdt\": \"d00d", "\"fdt\": \"d00"),
              "m.json: fdt is not hex digits of 0 to 2097152 bytes");
}

TEST(Measurement, RimThatIsNotTheLastStep_IsRefused) {
    Measurement measured = test::SmallImage().measurement();
    measured.rim.mutable_bytes()[0] ^= std::byte{1};
    EXPECT_EQ(why(to_json(measured)), "m.json: rim is not that of the last step");
}

TEST(Measurement, TruncatedAnywhere_IsRefused) {
    const std::string json = test::golden("small.json");
    ASSERT_GT(json.size(), 2U);
    for (std::size_t size = 0; size < json.size() - 2; ++size)
        EXPECT_THAT(why(std::string_view(json).substr(0, size)), StartsWith("m.json: it is not a"));
}

}  // namespace
}  // namespace rvmm::realm
