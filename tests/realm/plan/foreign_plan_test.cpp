#include "realm/plan/foreign_plan.hpp"

#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "realm/dtb_builder.hpp"
#include "realm/image_builder.hpp"
#include "realm/plan/fold.hpp"

namespace rvmm::realm {
namespace {

using nlohmann::json;

/// A file as tests/cli/foreign_oracle.py makes it.
Bytes file_of(const json& recipe) {
    if (recipe.contains("image"))
        return test::ImageBuilder{.text_offset = recipe.at("text_offset"),
                                  .image_size = recipe.at("image_size"),
                                  .size = recipe.at("image")}
            .build();
    Bytes bytes(recipe.at("pattern").get<std::size_t>());
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 11 + 3);
    return bytes;
}

ForeignRealm realm_of(const json& test, const test::TempDir& dir) {
    ForeignRealm realm;
    Bytes dtb = *from_hex(test.at("dtb").get<std::string>());
    dtb = test::concatenated(dtb, file_of({{"pattern", test.value("dtb_tail", 0)}}));
    realm.image = {.vmm = test.at("layout") == "qemu" ? ForeignVmm::kQemu : ForeignVmm::kKvmtool,
                   .dtb = dir.write("dtb", dtb),
                   .memory = test.at("memory"),
                   .event_log = test.value("event_log", false)};
    const auto file = [&](const char* name, std::optional<std::filesystem::path>& path) {
        if (test.contains(name)) path = dir.write(name, file_of(test.at(name)));
    };
    file("kernel", realm.image.kernel);
    file("firmware", realm.image.firmware);
    file("initrd", realm.image.initrd);
    realm.profile = test.at("profile");
    if (test.contains("hash")) realm.hash = measure::parse_hash(test.at("hash").get<std::string>());
    if (test.contains("ipa_bits")) realm.ipa_bits = test.at("ipa_bits").get<unsigned>();
    if (test.contains("ask_round")) realm.rounding = test.at("round").get<std::uint64_t>();
    realm.breakpoints = test.value("breakpoints", 6U);
    realm.watchpoints = test.value("watchpoints", 4U);
    realm.sve_vl = test.value("sve_vl", 0U);
    realm.pmu_counters = test.value("pmu_counters", 0U);
    return realm;
}

TEST(PlanForeign, EachCaseOfTheOracle_GivesItsRim) {
    std::ifstream file(RVMM_TEST_DATA "/foreign/cases.json");
    const json cases = json::parse(file).at("cases");
    EXPECT_GE(cases.size(), 20U);
    std::set<std::string> rims;
    for (const json& test : cases) {
        const test::TempDir dir;
        for (const Reading reading : {Reading::kOwn, Reading::kMap}) {
            const auto plan = plan_foreign(realm_of(test, dir), {.reading = reading});
            ASSERT_TRUE(plan) << test.at("name") << plan.error().message();
            const auto rim = fold_rim(*plan);
            ASSERT_TRUE(rim) << test.at("name");
            EXPECT_EQ(to_hex(*rim), test.at("rim").get<std::string>()) << test.at("name");
            EXPECT_EQ(plan->layout().blobs.front().rounding, test.at("round").get<std::uint64_t>())
                << test.at("name");
        }
        EXPECT_TRUE(rims.insert(test.at("rim").get<std::string>()).second) << test.at("name");
    }
}

class PlanForeignTest : public ::testing::Test {
  protected:
    PlanForeignTest() {
        realm_.image.memory = 256ULL << 20;
        realm_.image.kernel = dir_.write("kernel", test::ImageBuilder{}.build());
        realm_.image.dtb = dir_.write("dtb", test::DtbBuilder{.cpus = {0, 1}}.build());
    }
    std::string error() const {
        const auto plan = plan_foreign(realm_);
        return plan ? "" : plan.error().message();
    }
    test::TempDir dir_;
    ForeignRealm realm_;
};

TEST_F(PlanForeignTest, Spec_SaysWhatWasSettled) {
    realm_.profile = "kvm-v10";
    const auto plan = plan_foreign(realm_);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->spec().realm->profile, "rmm-1.0 + kvm-v10");
    EXPECT_EQ(plan->spec().realm->ipa_bits, 33U);
    EXPECT_EQ(plan->spec().realm->hash, measure::Hash::kSha256);
    EXPECT_EQ(plan->spec().machine, (MachineSpec{.vcpus = 2, .memory = 256ULL << 20}));
    EXPECT_EQ(plan->spec().boot.cmdline, "quiet");
    EXPECT_TRUE(std::holds_alternative<InitRipasStep>(plan->steps().front()));
}

TEST_F(PlanForeignTest, NumbersOutOfRange_AreRefusedByTheirOption) {
    realm_.sve_vl = 100;
    EXPECT_EQ(error(),
              "--sve-vl: realm.sve_vl must be a whole number from 0 to 2048 in steps of 128, not "
              "100");
    realm_.sve_vl = 0;
    realm_.image.memory = 3ULL << 20;
    EXPECT_EQ(error().substr(0, 25), "--memory: machine.memory ");
    realm_.image.memory = UINT64_MAX;
    EXPECT_EQ(error().substr(0, 25), "--memory: machine.memory ");
    realm_.image.memory = 256ULL << 20;
    realm_.breakpoints = 1;
    EXPECT_EQ(error().substr(0, 15), "--breakpoints: ");
    realm_.breakpoints = 6;
    realm_.ipa_bits = 32;
    EXPECT_EQ(error(), "RAM (256M at 0x80000000) does not fit the protected half of 32 bits");
}

TEST_F(PlanForeignTest, WhatTheProfileCannotDo_IsRefused) {
    realm_.hash = measure::Hash::kSha512;
    EXPECT_NE(error().find("cannot set realm.hash sha512"), std::string::npos);
    realm_.profile = "kvm-v9";
    EXPECT_NE(error().find("there is no profile"), std::string::npos);
}

TEST_F(PlanForeignTest, QemuWhereFactsAreMissing_IsRefused) {
    realm_.image.vmm = ForeignVmm::kQemu;
    realm_.image.kernel.reset();
    realm_.image.firmware = dir_.write("firmware", Bytes(5000));
    realm_.profile = "kvm-v12";
    EXPECT_EQ(
        error(),
        "profile \"rmm-1.0 + kvm-v12\" measures the rest of the memory slot that the firmware "
        "lies in, and QEMU's is not known here");
    realm_.profile = "kvm-v14";
    realm_.image.memory = 255ULL << 30;
    realm_.image.dtb =
        dir_.write("dtb", test::DtbBuilder{.memory = {{0x4000'0000, 255ULL << 30}}}.build());
    EXPECT_EQ(error(),
              "how many IPA bits qemu asks for with 255G of memory is not known here: --ipa-bits "
              "has to say it");
    realm_.ipa_bits = 42;
    EXPECT_EQ(error(), "");
}

}  // namespace
}  // namespace rvmm::realm
