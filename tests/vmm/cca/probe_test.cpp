// The probe tells all kinds of host apart, and refuses by name what rvmm does not speak.
#include <gtest/gtest.h>

#include "vmm/cca/host_report.hpp"
#include "vmm/cca/realm_runner.hpp"
#include "vmm/doctor/doctor.hpp"

namespace rvmm::vmm::cca {
namespace {

Result<HostFinding> probe(FakeKvm& fake, std::optional<unsigned> ipa_bits = 40) {
    RVMM_TRY(const auto system, kvm::System::open(fake));
    RVMM_TRY(const auto vm, probe_realms(system, ipa_bits));
    return vm.host();
}

FakeOptions commands(CommandTree tree) {
    FakeOptions options = host_of(Revision::kV10);
    options.tree = tree;
    return options;
}

struct Known {
    const char* name;
    FakeOptions options;
    Revision revision;
    const char* version;
};

TEST(RealmProbe, EveryRevision_IsToldApart) {
    FakeOptions vendor = commands(kTreeV11);
    vendor.tree.cap = 321;
    vendor.module_parameters["kvm_cap_arm_rmi"] = 321;
    FakeOptions nonsense = commands(kTreeV10);
    nonsense.module_parameters["kvm_cap_arm_rme"] = 5'000'000'000;
    const std::vector<Known> hosts = {
        {"v8", commands(kTreeV8), Revision::kV10, "v8"},
        {"v9", commands(kTreeV9), Revision::kV10, "v9"},
        {"v10", commands(kTreeV10), Revision::kV10, "v10"},
        {"v11", commands(kTreeV11), Revision::kV10, "v11"},
        {"v11 of a vendor", vendor, Revision::kV10, "v11"},
        {"v10 with a wild parameter", nonsense, Revision::kV10, "v10"},
        {"v12", host_of(Revision::kV12), Revision::kV12, "v12"},
        {"v13", host_of(Revision::kV13), Revision::kV13, "v13"},
        {"v14", host_of(Revision::kV14), Revision::kV14, "v14"},
        {"v15", host_of(Revision::kV15), Revision::kV15, "v15"},
    };
    for (const Known& host : hosts) {
        for (const std::optional<unsigned> bits : {std::optional<unsigned>(40), {}}) {
            FakeKvm fake(host.options);
            const auto found = probe(fake, bits);
            ASSERT_TRUE(found) << host.name << ": " << found.error().message();
            EXPECT_EQ(found->revision, host.revision) << host.name;
            EXPECT_EQ(found->version, host.version) << host.name;
            EXPECT_EQ(found->ipa_bits, bits.value_or(48)) << host.name;
            EXPECT_FALSE(found->decided_by.empty());
            EXPECT_EQ(fake.open_descriptors(), 0u) << host.name;
            EXPECT_EQ(fake.kernel_warnings(), 0) << host.name;
        }
    }
}

struct Unknown {
    const char* name;
    FakeOptions options;
    const char* says;
};

TEST(RealmProbe, HostsWithoutRealmsOfOurs_AreRefusedByName) {
    FakeOptions mainline;
    FakeOptions mainline_251;
    mainline_251.other_capabilities[251] = 1;
    FakeOptions no_rmm_v10 = commands(kTreeV10);
    no_rmm_v10.rmm = false;
    FakeOptions no_rmm_v14 = host_of(Revision::kV14);
    no_rmm_v14.rmm = false;
    FakeOptions no_attributes = host_of(Revision::kV15);
    no_attributes.gmem_attributes = false;
    const std::vector<Unknown> hosts = {
        {"mainline", mainline, "makes no realms"},
        {"mainline with 251", mainline_251, "makes no realms (capability 251 is something else"},
        {"v10 without RMM", no_rmm_v10, "found no RMM that it can use"},
        {"v14 without RMM", no_rmm_v14, "makes no realms"},
        {"v7", commands(kTreeV7), "v5, v6 or v7"},
        {"openEuler", commands(kTreeWithoutGuestMemfd), "without guest_memfd"},
        {"v15 without attributes", no_attributes, "has no memory attributes"},
    };
    for (const Unknown& host : hosts) {
        FakeKvm fake(host.options);
        const auto found = probe(fake);
        ASSERT_FALSE(found) << host.name;
        EXPECT_EQ(found.error().stage(), Stage::kHostCannot);
        EXPECT_NE(found.error().message().find(host.says), std::string::npos)
            << host.name << ": " << found.error().message();
        EXPECT_FALSE(found.error().advice().empty()) << host.name;
        EXPECT_EQ(fake.open_descriptors(), 0u) << host.name;
        EXPECT_EQ(fake.kernel_warnings(), 0) << host.name;
    }
}

TEST(RealmProbe, MoreIpaBitsThanTheRmmHas_SaysHowManyThereAre) {
    for (const Revision revision : {Revision::kV10, Revision::kV12, Revision::kV14}) {
        FakeOptions options = host_of(revision);
        options.rmm_ipa_bits = 42;
        FakeKvm fake(options);
        const auto found = probe(fake, 48);
        ASSERT_FALSE(found);
        EXPECT_NE(found.error().message().find("at most 42 IPA bits, 48 are asked for"),
                  std::string::npos)
            << found.error().message();
        EXPECT_EQ(fake.kernel_warnings(), 0);
    }
}

TEST(RealmProbe, Doctor_ReportsTheHostAndItsKnownDefects) {
    for (const Revision revision :
         {Revision::kV10, Revision::kV12, Revision::kV13, Revision::kV14, Revision::kV15}) {
        FakeOptions options = host_of(revision);
        options.sve_vqs = 0b1011;
        FakeKvm fake(options);
        HostFacts facts;
        facts.is_arm64 = true;
        {
            const auto system = kvm::System::open(fake);
            ASSERT_TRUE(system);
            auto vm = probe_realms(*system, std::nullopt);
            ASSERT_TRUE(vm) << vm.error().message();
            facts.realm_host = report_on(*system, *std::move(vm));
        }
        const Diagnosis diagnosis = diagnose(facts, {});
        const std::string text = to_text(diagnosis, false);
        const std::string name(traits(revision).name);
        EXPECT_NE(text.find(name + " of KVM's realm interface"), std::string::npos) << text;
        EXPECT_NE(text.find("6 breakpoints (fixed), 2 to 4 watchpoints, SVE vectors of 128, 256, "
                            "512 bits"),
                  std::string::npos)
            << text;
        EXPECT_EQ(text.find("steal-time-oops") != std::string::npos, revision == Revision::kV12);
        EXPECT_EQ(text.find("shared-page-fault") != std::string::npos, revision == Revision::kV14);
        EXPECT_NE(to_json(diagnosis).find("\"profile_host\":\"kvm-" + name), std::string::npos);
        EXPECT_EQ(fake.open_descriptors(), 0u);
        EXPECT_EQ(fake.kernel_warnings(), 0) << name;
    }
}

}  // namespace
}  // namespace rvmm::vmm::cca
