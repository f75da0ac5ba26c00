// What fails a test, what never does, and hosts that have no realms.
#include "vmm/fake_kvm/rig.hpp"

namespace rvmm::vmm {
namespace {

namespace abi = kvm::abi;

// ---------------------------------------------------------------------------

TEST(FakeKvmStrictness, RefusalFailsTheTest_UnlessItIsExpected) {
    FakeKvm kvm(options(FakeRevision::kV14));
    RawVmm vmm(kvm);
    ASSERT_EQ(vmm.create_realm(34), 0);
    kvm.expect_refusal(ENODEV);
    EXPECT_EQ(vmm.create_gic(KVM_DEV_TYPE_ARM_VGIC_V2), -ENODEV);
    EXPECT_EQ(kvm.refusals().size(), 1U);
}

TEST(FakeKvmStrictness, Probing_NeverFailsTheTest) {
    for (const FakeRevision revision : kNewerRevisions) {
        FakeKvm kvm(options(revision));
        RawVmm vmm(kvm);
        const bool bit30 = revision >= FakeRevision::kV14;
        EXPECT_EQ(vmm.create_vm(abi::kRealmTypeV14 | 49), -EINVAL) << "more than the RMM has";
        EXPECT_EQ(vmm.create_vm(abi::kRealmTypeV14 | 34), bit30 ? 0 : -EINVAL);
        EXPECT_EQ(vmm.create_vm(abi::kRealmTypeV10 | 34), bit30 ? -EINVAL : 0);
        const bool v12 = revision == FakeRevision::kV12;
        EXPECT_EQ(kvm.ioctl(vmm.vm(), abi::kPopulateV12, 0), v12 ? -EFAULT : -EINVAL);
        EXPECT_EQ(kvm.ioctl(vmm.vm(), abi::kPopulateV13, 0), v12 ? -EINVAL : -EFAULT);
        const bool v15 = revision == FakeRevision::kV15;
        EXPECT_EQ(vmm.check(abi::kCapMemoryAttributes), v15 ? 0 : 8);
        ASSERT_EQ(vmm.add_slot(0, kRam), 0);
        EXPECT_EQ(kvm.ioctl(vmm.slot(0).gmem.get(), abi::kSetMemoryAttributes2, 0),
                  v15 ? -EFAULT : -ENOTTY);
        EXPECT_EQ(vmm.check(fake::rules_of(kvm.options()).capability), 1);
    }
}

TEST(FakeKvmStrictness, ProbingOfCommandTrees) {
    for (const CommandTree& tree : {kTreeV7, kTreeV8, kTreeV9, kTreeV10, kTreeV11}) {
        FakeOptions given = options(FakeRevision::kV10);
        given.tree = tree;
        FakeKvm kvm(given);
        RawVmm vmm(kvm);
        ASSERT_EQ(vmm.create_realm(40), 0);
        for (const std::uint32_t cap : {240U, 243U, 244U, 245U, 246U, 300U}) {
            abi::EnableCap enable = {};
            enable.cap = cap;
            EXPECT_EQ(vmm.call(vmm.vm(), abi::kEnableCap, enable),
                      cap == tree.cap ? -EFAULT : -EINVAL);
        }
        EXPECT_EQ(kvm.ioctl(vmm.vm(), abi::kPopulateV12, 0), -EINVAL);
        ASSERT_EQ(vmm.create_vcpu(0), 0);
        const long with_9 = vmm.init_vcpu(0, 1U << 2 | 1U << 9);
        EXPECT_EQ(with_9, tree.rec_bit == 9 ? 0 : -ENOENT);
        if (with_9 != 0) {
            EXPECT_EQ(vmm.init_vcpu(0, 1U << 2 | 1U << 8), 0);
        }
        EXPECT_EQ(vmm.finalize(0, static_cast<int>(tree.rec_bit)), -ENOENT);
        EXPECT_EQ(kvm.ioctl(vmm.vcpu(0), tree.psci_complete, 0), -EFAULT);
    }
}

TEST(FakeKvmStrictness, HostsWithoutRealms) {
    FakeOptions given = options(FakeRevision::kV10);
    given.rmm = false;
    FakeKvm v10(given);
    EXPECT_EQ(RawVmm(v10).create_realm(34), -EPERM);
    given.revision = FakeRevision::kV12;
    FakeKvm v12(given);
    EXPECT_EQ(RawVmm(v12).create_realm(34), -EINVAL);
    given = {};
    given.other_capabilities[251] = 1;
    FakeKvm mainline(given);
    RawVmm vmm(mainline);
    EXPECT_EQ(vmm.create_vm(abi::kRealmTypeV10 | 34), -EINVAL);
    EXPECT_EQ(vmm.create_vm(abi::kRealmTypeV14 | 34), -EINVAL);
    ASSERT_EQ(vmm.create_vm(34), 0);
    EXPECT_EQ(vmm.check(251), 1);
    given = options(FakeRevision::kV12);
    given.page_size = 65536;
    FakeKvm large(given);
    EXPECT_EQ(RawVmm(large).create_realm(34), -EINVAL) << "RMM 1.0 has 4 KiB granules";
}

TEST(FakeKvmStrictness, V15WithoutAttributes_AnswersEnotty) {
    FakeOptions given = options(FakeRevision::kV15);
    given.gmem_attributes = false;
    FakeKvm kvm(given);
    RawVmm vmm(kvm);
    ASSERT_EQ(vmm.create_realm(34), 0);
    ASSERT_EQ(vmm.add_slot(0, kRam), 0);
    EXPECT_EQ(kvm.ioctl(vmm.slot(0).gmem.get(), abi::kSetMemoryAttributes2, 0), -ENOTTY);
    EXPECT_EQ(vmm.check(250), 0);
}

TEST(FakeKvmStrictness, V12WarnsOfVmsWithoutRealmDescriptor) {
    FakeKvm kvm(options(FakeRevision::kV12));
    RawVmm vmm(kvm);
    ASSERT_EQ(vmm.create_vm(40), 0);
    vmm.close_vm();
    EXPECT_EQ(kvm.ordinary_warnings(), 1);
    EXPECT_EQ(kvm.kernel_warnings(), 0);
    ASSERT_EQ(vmm.create_realm(34), 0);
    vmm.close_vm();
    EXPECT_EQ(kvm.kernel_warnings(), 1);
    kvm.expect_violation();  // the kernel oopses
    EXPECT_EQ(kvm.ioctl(kvm.open_kvm(), KVM_CHECK_EXTENSION, KVM_CAP_STEAL_TIME), 1);
}

TEST(FakeKvmStrictness, V12LaunchThatIsGivenUp_MakesADescriptorFirst) {
    FakeKvm kvm(options(FakeRevision::kV12));
    RawVmm vmm(kvm);
    ASSERT_EQ(vmm.create_realm(34), 0);
    ASSERT_EQ(vmm.add_slot(0, kRam), 0);
    ASSERT_EQ(vmm.create_vcpu(0), 0);
    ASSERT_EQ(vmm.init_vcpu(0), 0);
    EXPECT_EQ(vmm.populate(kRam.base(), Bytes(4096)), -EINVAL) << "of a shared page";
    EXPECT_TRUE(kvm.refusals().empty());
    vmm.close_all();
    EXPECT_EQ(kvm.kernel_warnings(), 0);
}

TEST(FakeKvmStrictness, Accessors_ShowTheVmThatWasCalledLast) {
    FakeKvm kvm(options(FakeRevision::kV10));
    RawVmm launch(kvm);
    RawVmm probe(kvm);
    ASSERT_EQ(launch.create_realm(34), 0);
    ASSERT_EQ(probe.create_realm(36), 0);
    EXPECT_EQ(kvm.vm().ipa_bits, 36U);
    ASSERT_EQ(launch.create_vcpu(0), 0);
    EXPECT_EQ(kvm.vm().ipa_bits, 34U);
}

TEST(FakeKvmStrictness, NthCallOfARequestFails) {
    FakeKvm kvm(options(FakeRevision::kV14));
    RawVmm vmm(kvm);
    ASSERT_EQ(vmm.create_realm(34), 0);
    kvm.fail_request(KVM_CREATE_VCPU, 1, ENOMEM);
    EXPECT_EQ(vmm.create_vcpu(0), 0);
    EXPECT_EQ(vmm.create_vcpu(1), -ENOMEM);
    EXPECT_EQ(vmm.create_vcpu(1), 0);
    EXPECT_EQ(kvm.calls_of(KVM_CREATE_VCPU), 3);
}

}  // namespace
}  // namespace rvmm::vmm
