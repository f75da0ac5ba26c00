#include "measure/rim.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace rvmm::measure {
namespace {

using nlohmann::json;

json load_vectors(const char* name) {
    std::ifstream file(std::string(RVMM_TEST_DATA "/vectors/") + name);
    EXPECT_TRUE(file) << name;
    return json::parse(file);
}

std::string text(const json& value) {
    return value.get<std::string>();
}

std::uint64_t number(const json& value) {
    return value.is_string() ? std::stoull(text(value), nullptr, 0) : value.get<std::uint64_t>();
}

Hash hash_named(const std::string& name) {
    for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512})
        if (name == to_string(hash)) return hash;
    ADD_FAILURE() << "unknown hash " << name;
    return Hash::kSha256;
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

Result<> apply(RimExtender& extender, const json& step) {
    const auto op = text(step.at("op"));
    if (number(step.at("rc")) != 0) return {};
    if (op == "realm_create") return extender.realm_create(realm_params_of(step));
    if (op == "rec_create") return extender.rec(rec_params_of(step));
    if (op != "rtt_data_map_init") return {};
    const Ipa ipa{number(step.at("ipa"))};
    if (number(step.at("flags")) == 0) return extender.data_unmeasured(ipa);
    return extender.data(ipa, page_of(step.at("content")));
}

TEST(RimExtender, TfRmmVectors_GiveTheRimAfterEveryStep) {
    const json vectors = load_vectors("rim-rmm2.json");
    ASSERT_EQ(vectors.at("cases").size(), 75U);
    std::size_t extensions = 0;
    for (const json& test : vectors.at("cases")) {
        RimExtender extender(Rule::kRmm2TfRmm, hash_named(text(test.at("hash"))));
        for (const json& step : test.at("steps")) {
            const auto applied = apply(extender, step);
            ASSERT_TRUE(applied) << applied.error().message();
            ASSERT_EQ(to_hex(extender.rim()), text(step.at("rim"))) << test.at("name") << step;
            extensions += step.value("measured", json::array()).size();
        }
        EXPECT_EQ(to_hex(extender.rim()), text(test.at("final_rim"))) << test.at("name");
    }
    EXPECT_EQ(extensions, 75U + 917U + 37U);
}

TEST(RimExtender, RealLaunchV14_GivesTheRimOfItsToken) {
    const json launch = load_vectors("real-launch-v14.json");
    const json& given = launch.at("realm_params");
    using P = rmi::RealmParams;
    P params;
    params.set(P::kFlags0, number(given.at("flags")));
    params.set(P::kS2sz, given.at("s2sz").get<std::uint32_t>());
    params.set(P::kSveVl, given.at("sve_vl").get<std::uint32_t>());
    params.set(P::kNumBps, given.at("num_bps").get<std::uint32_t>());
    params.set(P::kNumWps, given.at("num_wps").get<std::uint32_t>());
    params.set(P::kPmuNumCtrs, given.at("pmu_num_ctrs").get<std::uint32_t>());
    params.set(P::kHashAlgo, given.at("hash_algo").get<std::uint8_t>());
    RimExtender extender(Rule::kRmm2TfRmm, Hash::kSha256);
    ASSERT_TRUE(extender.realm_create(params));
    for (const json& range : launch.at("populate")) {
        Ipa ipa{number(range.at("base"))};
        for (const json& page : range.at("page_sha256")) {
            ASSERT_TRUE(extender.data_digest(ipa, *Digest::from_hex(text(page))));
            ipa = ipa + kMeasuredPageSize;
        }
        EXPECT_EQ(ipa.value, number(range.at("top")));
    }
    for (const json& vcpu : launch.at("recs")) {
        rmi::RecParams rec;
        rec.set(rmi::RecParams::kFlags, number(vcpu.at("runnable")));
        if (vcpu.contains("pc")) rec.set(rmi::RecParams::kPc, number(vcpu.at("pc")));
        if (vcpu.contains("x0")) rec.set(rmi::RecParams::kGprs, number(vcpu.at("x0")));
        ASSERT_TRUE(extender.rec(rec));
    }
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

TEST(RemExtend, TfRmmVectors_GiveTheRemAfterEveryExtension) {
    const json vectors = load_vectors("rim-rmm2.json");
    std::size_t extensions = 0;
    for (const json& test : vectors.at("cases")) {
        const Hash hash = hash_named(text(test.at("hash")));
        std::array<Digest, 4> rems;
        rems.fill(Digest(hash));
        for (const json& step : test.at("steps")) {
            if (text(step.at("op")) != "rsi") continue;
            std::istringstream call(text(step.at("call")));
            std::string name, hex;
            std::size_t index = 0, size = 0;
            call >> name >> index >> size >> hex;
            if (name == "rem_extend" && number(step.at("rc")) == 0) {
                Bytes value = *from_hex(hex);
                value.resize(size);
                Digest& rem = rems.at(index - 1);
                const auto extended = rem_extend(RemRule::kTfRmm, hash, rem, value);
                ASSERT_TRUE(extended);
                rem = *extended;
                ++extensions;
            }
            for (std::size_t i = 0; i < 4; ++i)
                ASSERT_EQ(to_hex(rems.at(i)), text(step.at("rem").at(i)))
                    << test.at("name") << step;
        }
    }
    EXPECT_EQ(extensions, 18U);
}

}  // namespace
}  // namespace rvmm::measure
