// Wrong calls answer as the facts say, and the first of each is what the fake reports.
#include <cstring>

#include <gtest/gtest.h>

#include "vmm/fake_kvm/raw_vmm.hpp"

namespace rvmm::vmm {
namespace {

namespace abi = kvm::abi;
using Command = abi::RealmCommand;
using State = fake::Realm::State;

const IpaRange kRam = *IpaRange::make(Ipa{0x8000'0000}, 4ULL << 20);
constexpr auto kNewerRevisions = {FakeRevision::kV12, FakeRevision::kV13, FakeRevision::kV14,
                                  FakeRevision::kV15};

FakeOptions options(FakeRevision revision) {
    FakeOptions options;
    options.revision = revision;
    return options;
}

/// A fake that fails no test, and a VMM with a realm of 34 bits, built up to POPULATE.
struct Rig {
    explicit Rig(FakeRevision revision, std::uint32_t vcpus = 1) : Rig(options(revision), vcpus) {}
    explicit Rig(FakeOptions given, std::uint32_t vcpus = 1) : kvm(std::move(given)), vmm(kvm) {
        kvm.set_strict(false);
        EXPECT_EQ(vmm.create_realm(34), 0);
        if (vcpus > 0) vmm.build(kRam, vcpus);
        EXPECT_TRUE(kvm.refusals().empty()) << kvm.refusals().front();
        EXPECT_TRUE(kvm.violations().empty()) << kvm.violations().front();
    }
    long populate(Ipa ipa = kRam.base()) { return vmm.populate(ipa, page); }

    FakeKvm kvm;
    RawVmm vmm;
    Bytes page = Bytes(8192, std::byte{7});
};

// ---- Strictness itself
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

// ---- v12 and later
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

// ---- v7 to v11
// -----------------------------------------------------------------------------------

TEST(FakeKvmCommands, OutOfOrder_AnswerAsV10Did) {
    Rig rig(FakeRevision::kV10, 2);
    const int rec = 9;
    RawVmm& vmm = rig.vmm;
    EXPECT_EQ(vmm.init_ripas(kRam), -EPERM);
    EXPECT_EQ(vmm.populate_slot(kRam), -EPERM);
    EXPECT_EQ(vmm.command(Command::kActivate), -EINVAL);
    EXPECT_EQ(vmm.run(), -EPERM);
    EXPECT_EQ(vmm.command(Command::kCreate), 0);
    EXPECT_EQ(vmm.command(Command::kCreate), -EEXIST);
    const abi::RealmConfigV10 config = {abi::kConfigHash, {1}};
    EXPECT_EQ(vmm.command(Command::kConfig, &config), -EBUSY);
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
    EXPECT_EQ(vmm.command(Command::kActivate), 0);
    EXPECT_EQ(vmm.command(Command::kActivate), -EINVAL);
    EXPECT_EQ(vmm.init_ripas(kRam), -EPERM);
    EXPECT_EQ(vmm.populate_slot(page), -EPERM);
    EXPECT_EQ(vmm.run_briefly(), -EINTR);
}

TEST(FakeKvmCommands, RecsOutOfOrder_CannotBeRepaired) {
    Rig rig(FakeRevision::kV10, 2);
    ASSERT_EQ(rig.vmm.command(Command::kCreate), 0);
    EXPECT_EQ(rig.vmm.finalize(1, 9), -ENXIO);
    EXPECT_EQ(rig.vmm.finalize(0, 9), 0);
    EXPECT_EQ(rig.vmm.finalize(1, 9), -EBUSY);
    EXPECT_EQ(rig.vmm.command(Command::kActivate), 0);
    EXPECT_EQ(rig.vmm.run_briefly(0), -EINTR);
    EXPECT_EQ(rig.vmm.run_briefly(1), -EPERM);
}

TEST(FakeKvmCommands, CreateBeforeVcpuInit_IsRefused) {
    Rig rig(FakeRevision::kV10, 0);
    ASSERT_EQ(rig.vmm.create_vcpu(0), 0);
    EXPECT_EQ(rig.vmm.command(Command::kCreate), -ENXIO);
}

TEST(FakeKvmCommands, Config) {
    Rig rig(FakeRevision::kV10);
    abi::RealmConfigV10 config = {abi::kConfigHash, {2}};
    EXPECT_EQ(rig.vmm.command(Command::kConfig, &config), -EINVAL) << "SHA-384";
    config = {7, {}};
    EXPECT_EQ(rig.vmm.command(Command::kConfig, &config), -EINVAL);
    config = {abi::kConfigRpv, {0x11}};
    EXPECT_EQ(rig.vmm.command(Command::kConfig, &config), 0);
    config = {abi::kConfigHash, {1}};
    EXPECT_EQ(rig.vmm.command(Command::kConfig, &config), 0);
    ASSERT_EQ(rig.vmm.command(Command::kCreate), 0);
    EXPECT_EQ(rig.kvm.rim().size(), 64U);
    ASSERT_EQ(rig.vmm.finalize(0, 9), 0);
    ASSERT_EQ(rig.vmm.command(Command::kActivate), 0);
    EXPECT_EQ(rig.kvm.vm().realm->rmm()->active()->personalization[0], std::byte{0x11});
}

TEST(FakeKvmCommands, MeasuredTraps_AreViolations) {
    Rig rig(FakeRevision::kV10);
    ASSERT_EQ(rig.vmm.command(Command::kCreate), 0);
    EXPECT_EQ(rig.vmm.init_ripas(*IpaRange::make(kRam.base(), 8ULL << 20)), 0);
    EXPECT_EQ(rig.kvm.violations().size(), 1U) << "outside the slot";
    EXPECT_EQ(rig.vmm.init_ripas(kRam), 0);
    EXPECT_EQ(rig.kvm.violations().size(), 2U) << "twice";
}

}  // namespace
}  // namespace rvmm::vmm
