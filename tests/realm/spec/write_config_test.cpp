#include "realm/spec/write_config.hpp"

#include <gtest/gtest.h>

namespace rvmm::realm {
namespace {

TEST(WriteConfig, ReadBack_IsTheSame) {
    RealmSpec spec;
    spec.machine = {17, 768ULL << 20, true, true, true};
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
    spec.attestation.profile = AttestationSpec::Profile::kRealm2023;
    spec.attestation.form = measure::token::Form::kCcaToken;
    spec.attestation.platform.implementation_id[31] = std::byte{0xff};
    spec.attestation.platform.instance_id[32] = std::byte{0xfe};
    spec.attestation.platform.config = {};
    spec.attestation.platform.lifecycle = 0x3000;
    spec.attestation.platform.verifier = "a \"b\"";

    const auto back = parse_config(write_config(spec, "kernel", "initrd"), "/job/image.cfg", {});
    ASSERT_TRUE(back) << back.error().message();
    spec.source = "/job/image.cfg";
    spec.boot.kernel = "/job/kernel";
    spec.boot.initrd = "/job/initrd";
    spec.host.allow = {HostKind::kCca};
    EXPECT_EQ(*back, spec);
}

TEST(WriteConfig, DevicesReadBack_AreTheSame) {
    RealmSpec spec;
    spec.devices = {
        {"log", Transport::kMmio,
         ConsoleSpec{{{"log", ConsolePort::Mode::kFile, "/tmp/a \"b\".log"},
                      {"main", ConsolePort::Mode::kStdio, std::nullopt},
                      {"console2", ConsolePort::Mode::kNone, std::nullopt}}}},
        {"disk0", Transport::kPci, DiskSpec{"a.img", true, "serial \\ 1", 16}},
        {"up-link", Transport::kPci,
         NetSpec{
             NetSpec::Backend::kTap, "tap0", {}, {}, {0x52, 0x54, 0, 0x12, 0x34, 0xff}, 9000, 8}},
        {"rng0", Transport::kMmio, RngSpec{}},
        {"net1", Transport::kPci,
         NetSpec{NetSpec::Backend::kTap, "", 17, {}, {2, 0, 0, 0, 0, 1}, 0, 1}},
        {"net2", Transport::kMmio,
         NetSpec{NetSpec::Backend::kPasst, "", {}, "/run/passt.sock", {2, 0, 0, 0, 0, 2}, 68, 1}},
        {"disk1", Transport::kMmio, DiskSpec{"/dev/vg/b", false, "", 1}},
        {"vsock0", Transport::kPci, VsockSpec{0xffff'fffe, "v.sock"}}};
    const auto back = parse_config(write_config(spec, "k", std::nullopt), "image.cfg", {});
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(back->devices, spec.devices);
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
