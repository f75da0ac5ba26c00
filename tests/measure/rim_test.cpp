#include "measure/rim.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>

#include <gtest/gtest.h>

#include "measure/vectors.hpp"

namespace rvmm::measure {
namespace {

using vectors::json;
using vectors::number;
using vectors::text;

Hash hash_named(const std::string& name) {
    const auto hash = parse_hash(name);
    EXPECT_TRUE(hash) << name;
    return hash.value_or(Hash::kSha256);
}

// The pages are generated: see page_content in the file.
Bytes page_of(const json& content) {
    const auto kind = text(content.at("gen"));
    const auto p = content.at("page").get<std::size_t>();
    Bytes page(kMeasuredPageSize, kind == "ff" ? std::byte{0xff} : std::byte{0});
    if (kind == "lin")
        for (std::size_t i = 0; i < page.size(); ++i)
            page[i] = static_cast<std::byte>((i * 131 + p * 17) & 0xff);
    return page;
}

// What the host passed: junk in every unused byte where the case says so.
rmi::RealmParams realm_params_of(const json& step) {
    rmi::RealmParams params;
    std::ranges::fill(params.mutable_bytes(),
                      static_cast<std::byte>(step.at("res0_fill").get<int>()));
    const auto head = from_hex(text(step.at("params_page_first_0x40_as_passed")));
    std::ranges::copy(*head, params.mutable_bytes().begin());
    const auto rpv = from_hex(text(step.at("rpv")));
    params.set(rmi::RealmParams::kRpv, *rpv);
    return params;
}

rmi::RecParams rec_params_of(const json& step) {
    rmi::RecParams params;
    std::ranges::fill(params.mutable_bytes(),
                      static_cast<std::byte>(step.at("res0_fill").get<int>()));
    params.set(rmi::RecParams::kFlags, number(step.at("flags")));
    params.set(rmi::RecParams::kMpidr, number(step.at("mpidr")));
    params.set(rmi::RecParams::kPc, number(step.at("pc")));
    for (std::size_t i = 0; i < 8; ++i)
        params.set(rmi::RecParams::kGprs, number(step.at("gprs").at(i)), i);
    return params;
}

Result<> apply_ripas(RimExtender& extender, const json& step) {
    for (const json& entry : step.value("measured", json::array()))
        RVMM_CHECK(extender.ripas(vectors::range(entry.at("base"), entry.at("top"))));
    return {};
}

// A call that the RMM refused is not made.
Result<> apply(RimExtender& extender, const json& step) {
    const auto op = text(step.at("op"));
    if (number(step.at("rc")) != 0) return {};
    if (op == "realm_create") return extender.realm_create(realm_params_of(step));
    if (op == "rec_create") return extender.rec(rec_params_of(step));
    if (op == "rtt_init_ripas") return apply_ripas(extender, step);
    if (op != "rtt_data_map_init" && op != "data_create") return {};
    const Ipa ipa{number(step.at("ipa"))};
    if (number(step.at("flags")) == 0) return extender.data_unmeasured(ipa);
    return extender.data(ipa, page_of(step.at("content")));
}

struct Counts {
    std::size_t cases = 0, steps = 0, refused = 0, extensions = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
};
void PrintTo(const Counts& counts, std::ostream* out) {
    *out << counts.cases << " cases, " << counts.steps << " steps, " << counts.refused
         << " refused, " << counts.extensions << " extensions";
}

Counts fold_vectors(const char* file, Rule rule) {
    Counts counts;
    const json vectors = vectors::load(file);
    for (const json& test : vectors.at("cases")) {
        ++counts.cases;
        RimExtender extender(rule, hash_named(text(test.at("hash"))));
        for (const json& step : test.at("steps")) {
            ++counts.steps;
            if (number(step.at("rc")) != 0) ++counts.refused;
            counts.extensions += step.value("measured", json::array()).size();
            const auto applied = apply(extender, step);
            EXPECT_TRUE(applied) << test.at("name") << step;
            EXPECT_EQ(to_hex(extender.rim()), text(step.at("rim"))) << test.at("name") << step;
        }
        EXPECT_EQ(to_hex(extender.rim()), text(test.at("final_rim"))) << test.at("name");
    }
    return counts;
}

TEST(RimExtender, Rmm1Vectors_GiveTheRimAfterEveryStep) {
    EXPECT_EQ(fold_vectors("rim-rmm1.json", Rule::kRmm1), (Counts{67, 1562, 285, 10349}));
}

TEST(RimExtender, TfRmmVectors_GiveTheRimAfterEveryStep) {
    EXPECT_EQ(fold_vectors("rim-rmm2.json", Rule::kRmm2TfRmm), (Counts{75, 1692, 254, 1029}));
}

TEST(RimExtender, DraftVectors_GiveTheRimAfterEveryStep) {
    EXPECT_EQ(fold_vectors("rim-rmm2-spec.json", Rule::kRmm2Spec), (Counts{75, 1692, 254, 1029}));
}

TEST(RimExtender, RealLaunchV14_GivesTheRimOfItsToken) {
    const json launch = vectors::load("real-launch-v14.json");
    RimExtender extender(Rule::kRmm2TfRmm, Hash::kSha256);
    ASSERT_TRUE(extender.realm_create(vectors::realm_params(launch.at("realm_params"))));
    vectors::populate(extender, launch);
    ASSERT_TRUE(extender.rec(vectors::rec0_params(launch)));
    EXPECT_EQ(to_hex(extender.rim()), text(launch.at("rim")));
}

TEST(RimExtender, WrongLengths_AreRefusedAndChangeNothing) {
    RimExtender extender(Rule::kRmm2TfRmm, Hash::kSha384);
    const std::string before = to_hex(extender.rim());
    EXPECT_EQ(before, std::string(96, '0'));
    EXPECT_FALSE(extender.data(Ipa{0}, Bytes(4095)));
    EXPECT_FALSE(extender.data_digest(Ipa{0}, Digest(Hash::kSha256)));
    EXPECT_EQ(to_hex(extender.rim()), before);
}

struct RemExtension {
    std::size_t index;  // of the REM, from 0
    Bytes value;
};

// What a successful "rem_extend" step extends; nothing for other steps.
std::optional<RemExtension> rem_extension(const json& step) {
    if (text(step.at("op")) != "rsi" || number(step.at("rc")) != 0) return std::nullopt;
    std::istringstream call(text(step.at("call")));
    std::string name, hex;
    std::size_t index = 0, size = 0;
    call >> name >> index >> size >> hex;
    if (name != "rem_extend") return std::nullopt;
    RemExtension extension{index - 1, from_hex(hex).value()};
    extension.value.resize(size);
    return extension;
}

class RemVectors : public testing::TestWithParam<const char*> {};

TEST_P(RemVectors, EveryExtension_GivesItsRemByBothRules) {
    std::size_t extensions = 0;
    const json vectors = vectors::load(GetParam());
    for (const json& test : vectors.at("cases")) {
        const Hash hash = hash_named(text(test.at("hash")));
        std::array<Digest, 4> rems, spec_rems;
        rems.fill(Digest(hash));
        spec_rems.fill(Digest(hash));
        for (const json& step : test.at("steps")) {
            if (text(step.at("op")) != "rsi") continue;
            if (const auto extension = rem_extension(step)) {
                Digest& rem = rems.at(extension->index);
                Digest& spec = spec_rems.at(extension->index);
                rem = rem_extend(RemRule::kTfRmm, hash, rem, extension->value).value();
                spec = rem_extend(RemRule::kSpec, hash, spec, extension->value).value();
                EXPECT_EQ(to_hex(spec), text(step.at("rem_per_spec_text"))) << step;
                ++extensions;
            }
            for (std::size_t i = 0; i < 4; ++i)
                EXPECT_EQ(to_hex(rems.at(i)), text(step.at("rem").at(i))) << step;
        }
    }
    EXPECT_EQ(extensions, GetParam() == std::string_view("rim-rmm1.json") ? 9U : 18U);
}

INSTANTIATE_TEST_SUITE_P(AllRules, RemVectors,
                         testing::Values("rim-rmm1.json", "rim-rmm2.json", "rim-rmm2-spec.json"));

}  // namespace
}  // namespace rvmm::measure
