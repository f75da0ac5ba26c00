#include "realm/spec/write_config.hpp"

#include <gtest/gtest.h>

namespace rvmm::realm {
namespace {

TEST(WriteConfig, ReadBack_IsTheSame) {
    RealmSpec spec;
    spec.machine = {17, 768ULL << 20};
    spec.boot.cmdline = "console=ttyS0 a=\"b c\" back\\slash tab\t \x01 umlaut=\xc3\xa4";
    spec.serial.mode = SerialSpec::Mode::kNone;
    spec.realm = RealmParameters{};
    spec.realm->ipa_bits = 34;
    spec.realm->hash = measure::Hash::kSha384;
    spec.realm->personalization[0] = std::byte{0xab};
    spec.realm->personalization[63] = std::byte{0x01};
    spec.realm->sve_vl = 256;
    spec.realm->pmu_counters = 4;
    spec.realm->breakpoints = 2;
    spec.realm->watchpoints = 16;
    spec.realm->profile = "emulated";

    const auto back = parse_config(write_config(spec, "kernel", "initrd"), "/job/image.cfg", {});
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(back->machine.vcpus, spec.machine.vcpus);
    EXPECT_EQ(back->machine.memory, spec.machine.memory);
    EXPECT_EQ(back->boot.kernel, "/job/kernel");
    EXPECT_EQ(back->boot.initrd, "/job/initrd");
    EXPECT_EQ(back->boot.cmdline, spec.boot.cmdline);
    EXPECT_EQ(back->serial.mode, spec.serial.mode);
    ASSERT_TRUE(back->realm);
    EXPECT_EQ(back->realm->ipa_bits, spec.realm->ipa_bits);
    EXPECT_EQ(back->realm->hash, spec.realm->hash);
    EXPECT_EQ(back->realm->personalization, spec.realm->personalization);
    EXPECT_EQ(back->realm->sve_vl, spec.realm->sve_vl);
    EXPECT_EQ(back->realm->pmu_counters, spec.realm->pmu_counters);
    EXPECT_EQ(back->realm->breakpoints, spec.realm->breakpoints);
    EXPECT_EQ(back->realm->watchpoints, spec.realm->watchpoints);
    EXPECT_EQ(back->realm->profile, spec.realm->profile);
}

TEST(WriteConfig, OrdinaryVm_HasNoRealmTable) {
    RealmSpec spec;
    const auto back = parse_config(write_config(spec, "k", std::nullopt), "/job/image.cfg", {});
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_FALSE(back->realm);
    EXPECT_FALSE(back->boot.initrd);
}

}  // namespace
}  // namespace rvmm::realm
