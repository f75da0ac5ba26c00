// v12 and later: wrong calls answer as the facts say.
#include "vmm/fake_kvm/rig.hpp"

namespace rvmm::vmm {
namespace {

namespace abi = kvm::abi;
using State = fake::Realm::State;

// -------------------------------------------------------------------------------

TEST(FakeKvmPopulate, BeforeAnyVcpuInit_IsRefusedAndCanBeRepeated) {
    for (const FakeRevision revision : kNewerRevisions) {
        Rig rig(revision, 0);
        ASSERT_EQ(rig.vmm.add_slot(0, kRam), 0);
        if (revision != FakeRevision::kV15) rig.vmm.set_private(kRam, true);
        ASSERT_EQ(rig.vmm.create_vcpu(0), 0);
        EXPECT_EQ(rig.populate(), -ENXIO);
        ASSERT_EQ(rig.vmm.init_vcpu(0), 0);
        EXPECT_GE(rig.populate(), 0);
    }
}

TEST(FakeKvmPopulate, ArgumentsAreChecked) {
    for (const FakeRevision revision : kNewerRevisions) {
        Rig rig(revision);
        const bool v12 = revision == FakeRevision::kV12;
        EXPECT_EQ(rig.vmm.populate(kRam.base() + 1, rig.page), -EINVAL);
        EXPECT_EQ(rig.vmm.populate(kRam.base(), rig.page, 2), -EINVAL);
        EXPECT_EQ(rig.vmm.populate(kRam.base(), ByteSpan(rig.page).first(100)), -EINVAL);
        EXPECT_EQ(rig.vmm.populate(kRam.top(), rig.page), -EINVAL) << "no slot";
        EXPECT_EQ(rig.vmm.populate(kRam.base(), {static_cast<std::byte*>(nullptr), 4096}), -EFAULT);
        EXPECT_EQ(rig.vmm.populate(kRam.base(), {}), -EINVAL) << "nothing";
        EXPECT_EQ(rig.kvm.kernel_warnings(), 1);
        EXPECT_GE(rig.populate(), 0);
        EXPECT_EQ(rig.populate(), v12 ? -EEXIST : -ENXIO) << "twice";
    }
}

TEST(FakeKvmPopulate, SharedPage_IsRefusedAndParametersAreFrozen) {
    for (const FakeRevision revision : kNewerRevisions) {
        Rig rig(revision);
        if (revision == FakeRevision::kV15)
            ASSERT_EQ(rig.vmm.set_gmem_private(kRam, false), 0);
        else
            ASSERT_EQ(rig.vmm.set_private(kRam, false), 0);
        EXPECT_EQ(rig.populate(), -EINVAL);
        EXPECT_EQ(rig.kvm.realm_state(), State::kNew);
        const std::uint64_t dfr0 = rig.vmm.get(0, abi::kRegIdAa64dfr0);
        EXPECT_EQ(rig.vmm.set(0, abi::kRegIdAa64dfr0, dfr0), 0);
        EXPECT_EQ(rig.vmm.set(0, abi::kRegIdAa64dfr0, dfr0 - (1U << 20)), -EBUSY);
    }
}

TEST(FakeKvmPopulate, PartialProgress_IsReportedAsTheRevisionDoes) {
    FakeOptions given = options(FakeRevision::kV12);
    given.populate_progress = {0, 1};
    {
        Rig rig(given);
        EXPECT_EQ(rig.populate(), -EINTR);
        EXPECT_EQ(rig.populate(), 4096) << "one page of two";
        EXPECT_EQ(rig.vmm.populate(Ipa{kRam.top().value - 4096}, rig.page), 4096)
            << "the slot ends";
    }
    given.revision = FakeRevision::kV14;
    Rig rig(given);
    abi::Populate request = {};
    request.base = kRam.base().value;
    request.size = 8192;
    request.source = reinterpret_cast<std::uintptr_t>(rig.vmm.slot(0).shared.data());
    EXPECT_EQ(rig.vmm.populate(request), -EINTR);
    EXPECT_EQ(request.size, 8192U);
    EXPECT_EQ(rig.vmm.populate(request), 0);
    EXPECT_EQ(request.base, kRam.base().value + 4096);
    EXPECT_EQ(request.size, 4096U);
    EXPECT_EQ(rig.vmm.populate(request), 0);
    EXPECT_EQ(request.size, 0U);
}

TEST(FakeKvmPopulate, AttributesBetweenPopulateAndRun_AreAViolation) {
    Rig rig(FakeRevision::kV14);
    ASSERT_EQ(rig.populate(), 0);
    EXPECT_EQ(rig.vmm.set_private(kRam, true), 0);
    EXPECT_EQ(rig.kvm.violations().size(), 1U);
}

TEST(FakeKvmPopulate, OfAnOrdinaryVm_IsRefused) {
    for (const FakeRevision revision : kNewerRevisions) {
        FakeKvm kvm(options(revision));
        RawVmm vmm(kvm);
        ASSERT_EQ(vmm.create_vm(34), 0);
        const unsigned long request = fake::rules_of(kvm.options()).populate;
        EXPECT_EQ(kvm.ioctl(vmm.vm(), request, 0),
                  revision == FakeRevision::kV12 ? -EPERM : -ENXIO);
    }
}

TEST(FakeKvmFirstRun, GicIsNeeded) {
    for (const FakeRevision revision : kNewerRevisions) {
        Rig rig(revision, 0);
        ASSERT_EQ(rig.vmm.create_vcpu(0), 0);
        ASSERT_EQ(rig.vmm.init_vcpu(0), 0);
        EXPECT_EQ(rig.vmm.run(), -EOPNOTSUPP);
        const bool v12 = revision == FakeRevision::kV12;
        EXPECT_EQ(rig.kvm.realm_state(), v12 ? State::kDead : State::kNone);
        if (v12) {
            EXPECT_EQ(rig.vmm.run(), -ENXIO) << "for good";
        }
    }
    FakeOptions later = options(FakeRevision::kV15);
    later.match_attributes = true;
    Rig rig(later, 0);
    ASSERT_EQ(rig.vmm.create_vcpu(0), 0);
    ASSERT_EQ(rig.vmm.init_vcpu(0), 0);
    ASSERT_EQ(rig.vmm.create_gic(), 0);
    ASSERT_EQ(rig.vmm.set_gic_frames(), 0);
    EXPECT_EQ(rig.vmm.run(), -ENODEV);
}

TEST(FakeKvmFirstRun, GicWithoutFrames_KillsTheVm) {
    Rig rig(FakeRevision::kV12, 0);
    ASSERT_EQ(rig.vmm.create_vcpu(0), 0);
    ASSERT_EQ(rig.vmm.init_vcpu(0), 0);
    ASSERT_EQ(rig.vmm.create_gic(), 0);
    EXPECT_EQ(rig.vmm.run(), -ENXIO);
    EXPECT_EQ(rig.vmm.run(), -EIO);
}

TEST(FakeKvmFirstRun, FailureLeavesTheRealmDead) {
    Rig rig(FakeRevision::kV14, 0);
    ASSERT_EQ(rig.vmm.create_vcpu(1), 0);  // MPIDRs have to begin at 0
    ASSERT_EQ(rig.vmm.init_vcpu(1), 0);
    ASSERT_EQ(rig.vmm.create_gic(), 0);
    ASSERT_EQ(rig.vmm.set_gic_frames(), 0);
    ASSERT_EQ(rig.vmm.init_gic(), 0);
    EXPECT_EQ(rig.vmm.run(1), -ENXIO);
    EXPECT_EQ(rig.vmm.run(1), -EINVAL);
    EXPECT_EQ(rig.populate(), -ENXIO);
}

TEST(FakeKvmFirstRun, ActivatesBeforeImmediateExitIsLookedAt) {
    for (const FakeRevision revision : kNewerRevisions) {
        Rig rig(revision);
        ASSERT_GE(rig.populate(), 0);
        EXPECT_EQ(rig.vmm.run_briefly(), -EINTR);
        EXPECT_EQ(rig.kvm.realm_state(), State::kActive);
        EXPECT_EQ(rig.populate(kRam.base() + 8192), -EBUSY);
    }
}

TEST(FakeKvmVcpu, RegistersOfARealm) {
    Rig rig(FakeRevision::kV14);
    constexpr std::uint64_t kPstate = 0x6030'0000'0010'0042;
    EXPECT_EQ(rig.vmm.set(0, kPstate, 5), -EINVAL);
    EXPECT_EQ(rig.vmm.set(0, abi::kRegPmcr, 0), -EINVAL) << "v14 has no PMU";
    EXPECT_EQ(rig.vmm.set(0, fake::x_id(30), 1), 0);
    const std::uint64_t dfr0 = rig.vmm.get(0, abi::kRegIdAa64dfr0);
    EXPECT_EQ(dfr0 >> 12 & 0xf, 5U);
    EXPECT_EQ(rig.vmm.set(0, abi::kRegIdAa64dfr0, dfr0 - (1U << 12)), -EINVAL) << "BRPs";
    EXPECT_EQ(rig.vmm.set(0, abi::kRegIdAa64dfr0, dfr0 & ~(0xfULL << 20)), -EINVAL) << "no WRPs";
    EXPECT_EQ(rig.vmm.set(0, abi::kRegIdAa64dfr0, dfr0 + (1U << 20)), -EINVAL) << "more WRPs";
    EXPECT_EQ(rig.vmm.set(0, abi::kRegIdAa64dfr0, dfr0 - (1U << 20)), 0);
}

TEST(FakeKvmVcpu, FeaturesOfARealm) {
    Rig rig(FakeRevision::kV14, 0);
    ASSERT_EQ(rig.vmm.create_vcpu(0), 0);
    EXPECT_EQ(rig.vmm.set(0, fake::pc_id(), 0), -ENOEXEC);
    EXPECT_EQ(rig.vmm.init_vcpu(0, 1U << 2 | 1U << 1), -EINVAL) << "32 bits";
    EXPECT_EQ(rig.vmm.init_vcpu(0, 1U << 2 | 1U << 3), -EINVAL) << "PMU";
    EXPECT_EQ(rig.vmm.init_vcpu(0, 1U << 2 | 1U << 5), -EINVAL) << "half of ptrauth";
    EXPECT_EQ(rig.vmm.init_vcpu(0, 1U << 2 | 1U << 9), -ENOENT);
    EXPECT_EQ(rig.vmm.init_vcpu(0, 1U << 2 | 1U << 4), 0);
    EXPECT_EQ(rig.vmm.init_vcpu(0, 1U << 2), -EINVAL) << "others than before";
    EXPECT_EQ(rig.vmm.finalize(0, 7), -EINVAL);
    EXPECT_EQ(rig.vmm.set_vector_lengths(0, 0x1ffff), -EINVAL);
    EXPECT_EQ(rig.vmm.set_vector_lengths(0, 0b11), 0);
    EXPECT_EQ(rig.vmm.finalize(0, KVM_ARM_VCPU_SVE), 0);
    EXPECT_EQ(rig.vmm.set_vector_lengths(0, 0b1), -EPERM);
    EXPECT_EQ(rig.vmm.finalize(0, KVM_ARM_VCPU_SVE), -EPERM);
}

TEST(FakeKvmMemory, SlotsAreChecked) {
    Rig rig(FakeRevision::kV14);
    EXPECT_EQ(rig.vmm.add_slot(1, *IpaRange::make(kRam.base() + 4096, 4096)), -EEXIST);
    EXPECT_EQ(rig.vmm.add_slot(2, *IpaRange::make(Ipa{1ULL << 34}, 4096)), -EFAULT);
    EXPECT_EQ(rig.vmm.add_slot(0, kRam), -EINVAL) << "set twice";
    EXPECT_EQ(rig.vmm.delete_slot(7), -EINVAL);
    EXPECT_TRUE(rig.kvm.violations().empty());
    const auto private_backing = *IpaRange::make(Ipa{0x1000'0000}, 4096);
    EXPECT_EQ(rig.vmm.add_slot(3, private_backing, MAP_PRIVATE), 0);
    EXPECT_EQ(rig.vmm.add_slot(4, *IpaRange::make(Ipa{3ULL << 32}, 4096)), 0);
    EXPECT_EQ(rig.kvm.violations().size(), 2U) << "MAP_PRIVATE, above the shared bit";
}

TEST(FakeKvmMemory, SlotOnHugePages_IsAViolation) {
    Rig rig(FakeRevision::kV12);
    EXPECT_EQ(rig.vmm.add_slot(3, *IpaRange::make(Ipa{0x1000'0000}, 4096), MAP_PRIVATE), 0);
    EXPECT_TRUE(rig.kvm.violations().empty()) << "v12 can do that";
}

TEST(FakeKvmMemory, GicOfARealm) {
    Rig rig(FakeRevision::kV14, 0);
    EXPECT_EQ(rig.vmm.create_gic(KVM_DEV_TYPE_ARM_VGIC_V2), -ENODEV);
    EXPECT_EQ(rig.vmm.create_gic(), 0);
    EXPECT_EQ(rig.vmm.set_gic_frames(1ULL << 33), 0);
    EXPECT_EQ(rig.kvm.violations().size(), 2U) << "plain addresses only";
    EXPECT_EQ(rig.vmm.init_gic(), 0);
    EXPECT_EQ(rig.vmm.create_vcpu(0), -EBUSY);
}

TEST(FakeKvmMemory, EnableCapOfARealm) {
    for (const FakeRevision revision : kNewerRevisions) {
        Rig rig(revision, 0);
        abi::EnableCap enable = {};
        enable.cap = KVM_CAP_ARM_NISV_TO_USER;
        enable.args[0] = 1;
        EXPECT_EQ(rig.vmm.call(rig.vmm.vm(), abi::kEnableCap, enable),
                  revision >= FakeRevision::kV14 ? -EINVAL : 0);
        EXPECT_EQ(rig.vmm.check(KVM_CAP_READONLY_MEM), 0);
        EXPECT_EQ(rig.vmm.check(abi::kCapUserMemory2), 1);
    }
}

}  // namespace
}  // namespace rvmm::vmm
