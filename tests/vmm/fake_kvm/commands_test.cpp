// v7 to v11: commands out of order answer as v10 did.
#include "vmm/fake_kvm/rig.hpp"

namespace rvmm::vmm {
namespace {

namespace abi = kvm::abi;

// -----------------------------------------------------------------------------------

TEST(FakeKvmCommands, OutOfOrder_AnswerAsV10Did) {
    Rig rig(FakeRevision::kV10, 2);
    const int rec = 9;
    RawVmm& vmm = rig.vmm;
    EXPECT_EQ(vmm.init_ripas(kRam), -EPERM);
    EXPECT_EQ(vmm.populate_slot(kRam), -EPERM);
    EXPECT_EQ(vmm.command(abi::RealmCommand::kActivate), -EINVAL);
    EXPECT_EQ(vmm.run(), -EPERM);
    EXPECT_EQ(vmm.command(abi::RealmCommand::kCreate), 0);
    EXPECT_EQ(vmm.command(abi::RealmCommand::kCreate), -EEXIST);
    const abi::RealmConfigV10 config = {abi::kConfigHash, {1}};
    EXPECT_EQ(vmm.command(abi::RealmCommand::kConfig, &config), -EBUSY);
    EXPECT_EQ(vmm.run(), -EPERM);
    EXPECT_EQ(vmm.init_ripas(*IpaRange::make(kRam.base(), 100)), -ENXIO);
    EXPECT_EQ(vmm.init_ripas(*IpaRange::make(Ipa{1ULL << 33}, 4096)), -ENXIO);
    EXPECT_EQ(vmm.init_ripas(kRam), 0);
    const auto page = *IpaRange::make(kRam.base(), 4096);
    EXPECT_EQ(vmm.populate_slot(*IpaRange::make(Ipa{0}, 4096)), -EFAULT);
    EXPECT_EQ(vmm.populate_slot(*IpaRange::make(Ipa{kRam.top().value - 4096}, 8192)), -EINVAL);
    EXPECT_EQ(vmm.populate_slot(page, 2), -EINVAL);
    EXPECT_EQ(vmm.populate_slot(page), 0);
    EXPECT_EQ(vmm.populate_slot(page), -ENXIO);
    EXPECT_EQ(vmm.init_ripas(page), -EINVAL);
    EXPECT_EQ(vmm.finalize(0, 8), -EINVAL);
    EXPECT_EQ(vmm.finalize(0, rec), 0);
    EXPECT_EQ(vmm.finalize(0, rec), -EBUSY);
    EXPECT_EQ(vmm.finalize(1, rec), 0);
    EXPECT_EQ(vmm.command(abi::RealmCommand::kActivate), 0);
    EXPECT_EQ(vmm.command(abi::RealmCommand::kActivate), -EINVAL);
    EXPECT_EQ(vmm.init_ripas(kRam), -EPERM);
    EXPECT_EQ(vmm.populate_slot(page), -EPERM);
    EXPECT_EQ(vmm.run_briefly(), -EINTR);
}

TEST(FakeKvmCommands, RecsOutOfOrder_CannotBeRepaired) {
    Rig rig(FakeRevision::kV10, 2);
    ASSERT_EQ(rig.vmm.command(abi::RealmCommand::kCreate), 0);
    EXPECT_EQ(rig.vmm.finalize(1, 9), -ENXIO);
    EXPECT_EQ(rig.vmm.finalize(0, 9), 0);
    EXPECT_EQ(rig.vmm.finalize(1, 9), -EBUSY);
    EXPECT_EQ(rig.vmm.command(abi::RealmCommand::kActivate), 0);
    EXPECT_EQ(rig.vmm.run_briefly(0), -EINTR);
    EXPECT_EQ(rig.vmm.run_briefly(1), -EPERM);
}

TEST(FakeKvmCommands, CreateBeforeVcpuInit_IsRefused) {
    Rig rig(FakeRevision::kV10, 0);
    ASSERT_EQ(rig.vmm.create_vcpu(0), 0);
    EXPECT_EQ(rig.vmm.command(abi::RealmCommand::kCreate), -ENXIO);
}

TEST(FakeKvmCommands, Config) {
    Rig rig(FakeRevision::kV10);
    abi::RealmConfigV10 config = {abi::kConfigHash, {2}};
    EXPECT_EQ(rig.vmm.command(abi::RealmCommand::kConfig, &config), -EINVAL) << "SHA-384";
    config = {7, {}};
    EXPECT_EQ(rig.vmm.command(abi::RealmCommand::kConfig, &config), -EINVAL);
    config = {abi::kConfigRpv, {0x11}};
    EXPECT_EQ(rig.vmm.command(abi::RealmCommand::kConfig, &config), 0);
    config = {abi::kConfigHash, {1}};
    EXPECT_EQ(rig.vmm.command(abi::RealmCommand::kConfig, &config), 0);
    ASSERT_EQ(rig.vmm.command(abi::RealmCommand::kCreate), 0);
    EXPECT_EQ(rig.kvm.rim().size(), 64U);
    ASSERT_EQ(rig.vmm.finalize(0, 9), 0);
    ASSERT_EQ(rig.vmm.command(abi::RealmCommand::kActivate), 0);
    EXPECT_EQ(rig.kvm.vm().realm->rmm()->active()->personalization[0], std::byte{0x11});
}

TEST(FakeKvmCommands, MeasuredTraps_AreViolations) {
    Rig rig(FakeRevision::kV10);
    ASSERT_EQ(rig.vmm.command(abi::RealmCommand::kCreate), 0);
    EXPECT_EQ(rig.vmm.init_ripas(*IpaRange::make(kRam.base(), 8ULL << 20)), 0);
    EXPECT_EQ(rig.kvm.violations().size(), 1U) << "outside the slot";
    EXPECT_EQ(rig.vmm.init_ripas(kRam), 0);
    EXPECT_EQ(rig.kvm.violations().size(), 2U) << "twice";
}

}  // namespace
}  // namespace rvmm::vmm
