// What a scripted guest makes a VMM see.
#include <cstring>

#include "vmm/fake_kvm/rig.hpp"

namespace rvmm::vmm {
namespace {

namespace abi = kvm::abi;

const IpaRange kPage = *IpaRange::make(Ipa{0x8010'0000}, 4096);
constexpr std::uint64_t kUart = 0x100'0000;
constexpr std::uint64_t kShared = 1ULL << 33;

/// A realm that is ready to run.
class Realm {
  public:
    explicit Realm(FakeRevision revision, std::uint32_t vcpus = 1)
        : Realm(options(revision), vcpus) {}
    explicit Realm(const FakeOptions& given, std::uint32_t vcpus = 1) : kvm(given), vmm(kvm) {
        EXPECT_EQ(vmm.create_realm(34), 0);
        vmm.build(kRam, vcpus);
        if (given.revision == FakeRevision::kV10)
            launch_by_commands(vcpus);
        else
            EXPECT_GE(vmm.populate(kRam.base(), Bytes(4096)), 0);
    }

    kvm_run& area() { return vmm.area(); }
    /// KVM_RUN that must be a memory fault, of the private or shared kind.
    void expect_fault(const IpaRange& range, bool wants_private) {
        ASSERT_EQ(vmm.run(), -EFAULT);
        ASSERT_EQ(area().exit_reason, static_cast<unsigned>(KVM_EXIT_MEMORY_FAULT));
        EXPECT_EQ(area().memory_fault.flags, wants_private ? 8U : 0U);
        EXPECT_EQ(area().memory_fault.gpa, range.base().value);
        EXPECT_EQ(area().memory_fault.size, range.size());
        area().exit_reason = 0;
    }
    FakeKvm kvm;
    RawVmm vmm;

  private:
    void launch_by_commands(std::uint32_t vcpus) {
        EXPECT_EQ(vmm.command(abi::RealmCommand::kCreate), 0);
        EXPECT_EQ(vmm.init_ripas(kRam), 0);
        EXPECT_EQ(vmm.populate_slot(*IpaRange::make(kRam.base(), 4096)), 0);
        for (std::uint32_t id = 0; id < vcpus; ++id) EXPECT_EQ(vmm.finalize(id, 9), 0);
        EXPECT_EQ(vmm.command(abi::RealmCommand::kActivate), 0);
    }
};

TEST(FakeGuest, Mmio_IsCompletedByTheNextEntry) {
    for (const FakeRevision revision : kAllRevisions) {
        Realm realm(revision);
        auto steps = mmio_read_sees(kUart | kShared, 4, 0x1234);
        steps.push_back(mmio_write(kUart | kShared, 'x', 1));
        realm.kvm.script(0, steps);
        ASSERT_EQ(realm.vmm.run(), 0);
        ASSERT_EQ(realm.area().exit_reason, static_cast<unsigned>(KVM_EXIT_MMIO));
        EXPECT_EQ(realm.area().mmio.phys_addr, kUart) << "without the shared bit";
        const std::uint32_t data = 0x1234;
        std::memcpy(realm.area().mmio.data, &data, sizeof data);
        ASSERT_EQ(realm.vmm.run(), 0);
        EXPECT_EQ(realm.area().mmio.is_write, 1);
        EXPECT_EQ(realm.area().mmio.data[0], 'x');
    }
}

TEST(FakeGuest, MmioWithExitReasonCleared_RepeatsAndIsAViolation) {
    Realm realm(FakeRevision::kV14);
    realm.kvm.script(0, {mmio_write(kUart, 'x', 1)});
    ASSERT_EQ(realm.vmm.run(), 0);
    realm.kvm.expect_violation();
    for (int i = 0; i < 3; ++i) {
        realm.area().exit_reason = 0;
        ASSERT_EQ(realm.vmm.run(), 0);
        ASSERT_EQ(realm.area().exit_reason, static_cast<unsigned>(KVM_EXIT_MMIO));
        EXPECT_EQ(realm.area().mmio.data[0], 'x');
    }
    EXPECT_EQ(realm.vmm.run_briefly(), -EINTR) << "left alone, it is completed";
}

TEST(FakeGuest, MemoryFaultLeftInExitReason_IsAViolation) {
    Realm realm(FakeRevision::kV14);
    realm.kvm.script(0, {change_ripas(kPage, false)});
    ASSERT_EQ(realm.vmm.run(), -EFAULT);
    realm.kvm.expect_violation();
    EXPECT_EQ(realm.vmm.run_briefly(), -EINTR);
}

TEST(FakeGuest, RipasChange_IsDoneAtReentry) {
    for (const FakeRevision revision : kAllRevisions) {
        Realm realm(revision);
        const bool v15 = revision == FakeRevision::kV15;
        realm.kvm.script(0, {change_ripas(kPage, false), look([&](FakeKvm::Vcpu& vcpu) {
                                 EXPECT_EQ(vcpu.x(0), 0U);
                                 EXPECT_EQ(vcpu.x(1), kPage.top().value);
                             }),
                             write_shared(kPage.base().value, "seen"), mmio_write(kUart, 0, 1),
                             change_ripas(kPage, true), touch_private(kPage.base().value),
                             mmio_write(kUart, 0, 1)});
        realm.expect_fault(kPage, false);
        if (v15) {
            EXPECT_EQ(realm.vmm.punch(0, kPage), 0);
            EXPECT_EQ(realm.vmm.set_gmem_private(kPage, false), 0);
        } else {
            EXPECT_EQ(realm.vmm.set_private(kPage, false), 0);
            EXPECT_EQ(realm.vmm.punch(0, kPage), 0);
        }
        ASSERT_EQ(realm.vmm.run(), 0);
        EXPECT_EQ(std::memcmp(realm.vmm.slot(0).at(kPage.base()), "seen", 4), 0);
        realm.expect_fault(kPage, true);
        EXPECT_EQ(
            v15 ? realm.vmm.set_gmem_private(kPage, true) : realm.vmm.set_private(kPage, true), 0);
        ASSERT_EQ(realm.vmm.run(), 0);
        EXPECT_EQ(realm.kvm.conversions(),
                  (std::vector<FakeKvm::Conversion>{{kPage, false}, {kPage, true}}));
        EXPECT_EQ(realm.kvm.vcpu(0).aborts, 0U);
        EXPECT_EQ(realm.kvm.holes().size(), 1U);
    }
}

TEST(FakeGuest, ConversionInTheWrongOrder_IsAViolation) {
    Realm v14(FakeRevision::kV14);
    ASSERT_EQ(v14.vmm.run_briefly(), -EINTR);
    v14.kvm.expect_violation();
    EXPECT_EQ(v14.vmm.punch(0, kPage), 0);
    Realm v15(FakeRevision::kV15);
    v15.kvm.script(0, {touch_private(kPage.base().value), mmio_write(kUart, 0, 1)});
    ASSERT_EQ(v15.vmm.run(), 0);
    v15.kvm.expect_violation();
    EXPECT_EQ(v15.vmm.set_gmem_private(kPage, false), 0);
    v15.kvm.expect_violation();
    EXPECT_EQ(v15.vmm.punch(0, kPage), 0);
}

TEST(FakeGuest, PrivateAccessToASharedPage_FaultsUntilItIsConverted) {
    for (const FakeRevision revision : kAllRevisions) {
        Realm realm(revision);
        const bool v15 = revision == FakeRevision::kV15;
        ASSERT_EQ(realm.vmm.run_briefly(), -EINTR);
        if (v15)
            ASSERT_EQ(realm.vmm.set_gmem_private(kPage, false), 0);
        else
            ASSERT_EQ(realm.vmm.set_private(kPage, false), 0);
        realm.kvm.script(0, {touch_private(kPage.base().value), mmio_write(kUart, 0, 1)});
        if (!v15) {
            realm.expect_fault(kPage, true);
            realm.expect_fault(kPage, true);
            ASSERT_EQ(realm.vmm.set_private(kPage, true), 0);
        }
        EXPECT_EQ(realm.vmm.run(), 0);
    }
}

TEST(FakeGuest, SharedAccessToAPrivatePage_FaultsOnV10Only) {
    for (const FakeRevision revision : kAllRevisions) {
        Realm realm(revision);
        realm.kvm.script(0, {touch_shared(kPage.base().value), mmio_write(kUart, 0, 1)});
        if (revision == FakeRevision::kV10) {
            realm.expect_fault(kPage, false);
            ASSERT_EQ(realm.vmm.set_private(kPage, false), 0);
        }
        EXPECT_EQ(realm.vmm.run(), 0);
        EXPECT_EQ(realm.area().exit_reason, static_cast<unsigned>(KVM_EXIT_MMIO));
    }
}

TEST(FakeGuest, LaterV15_ComparesTheAttributesBeforeItGoesOn) {
    FakeOptions given = options(FakeRevision::kV15);
    given.match_attributes = true;
    Realm realm(given);
    const auto unbacked = *IpaRange::make(Ipa{0x1000'0000}, 4096);
    realm.kvm.script(0, {change_ripas(kPage, false), change_ripas(unbacked, false),
                         change_ripas(unbacked, true)});
    realm.expect_fault(kPage, false);
    realm.expect_fault(kPage, false);
    EXPECT_EQ(realm.vmm.punch(0, kPage), 0);
    EXPECT_EQ(realm.vmm.set_gmem_private(kPage, false), 0);
    realm.expect_fault(unbacked, false);
    for (int i = 0; i < 3; ++i) realm.expect_fault(unbacked, true);
}

TEST(FakeGuest, HostCalls_ExitOnlyIfForwarded) {
    Realm realm(FakeRevision::kV14);
    ASSERT_EQ(realm.vmm.forward(0xC600'5200, 16), 0);
    realm.kvm.script(
        0, {smc(0xC600'6200), look([](FakeKvm::Vcpu& vcpu) { EXPECT_EQ(vcpu.x(0), ~0ULL); }),
            smc(0xC600'5201, 7)});
    ASSERT_EQ(realm.vmm.run(), 0);
    EXPECT_EQ(realm.area().exit_reason, static_cast<unsigned>(KVM_EXIT_HYPERCALL));
    EXPECT_EQ(realm.area().hypercall.nr, 0xC600'5201U);
    EXPECT_EQ(realm.vmm.get(0, fake::x_id(1)), 7U);
}

TEST(FakeGuest, CpuOn_StartsTheTargetAfterARaceOnV14) {
    for (const FakeRevision revision : kAllRevisions) {
        Realm realm(revision, 2);
        realm.kvm.script(0, {cpu_on(1, 0x8000'1000, 42),
                             look([](FakeKvm::Vcpu& vcpu) { EXPECT_EQ(vcpu.x(0), 0U); }),
                             mmio_write(kUart, 0, 1)});
        realm.kvm.script(1, {look([](FakeKvm::Vcpu& vcpu) {
                                 EXPECT_EQ(vcpu.pc(), 0x8000'1000U);
                                 EXPECT_EQ(vcpu.x(0), 42U);
                             }),
                             mmio_write(kUart, 1, 1)});
        EXPECT_EQ(realm.vmm.run_briefly(1), -EINTR) << "powered off";
        ASSERT_EQ(realm.vmm.run(0), 0);
        if (revision >= FakeRevision::kV14) {
            EXPECT_EQ(realm.vmm.run(1), -EAGAIN);
        }
        ASSERT_EQ(realm.vmm.run(1), 0);
        EXPECT_EQ(realm.vmm.area(1).mmio.data[0], 1);
    }
}

TEST(FakeGuest, SystemOff_EndsTheOthersWithShutdown) {
    Realm realm(FakeRevision::kV14, 2);
    realm.kvm.script(0, {system_off()});
    ASSERT_EQ(realm.vmm.run(0), 0);
    EXPECT_EQ(realm.area().exit_reason, static_cast<unsigned>(KVM_EXIT_SYSTEM_EVENT));
    EXPECT_EQ(realm.area().system_event.type, static_cast<unsigned>(KVM_SYSTEM_EVENT_SHUTDOWN));
    for (const std::uint32_t id : {0U, 1U}) {
        ASSERT_EQ(realm.vmm.run(id), 0);
        EXPECT_EQ(realm.vmm.area(id).exit_reason, static_cast<unsigned>(KVM_EXIT_SHUTDOWN));
    }
}

TEST(FakeGuest, DeadRealm_AnswersItsErrno) {
    for (const FakeRevision revision : {FakeRevision::kV12, FakeRevision::kV14}) {
        Realm realm(revision);
        realm.kvm.script(0, {interrupted(), die()});
        EXPECT_EQ(realm.vmm.run(), -EINTR);
        EXPECT_EQ(realm.vmm.run(), -ENXIO);
        EXPECT_EQ(realm.vmm.run(), revision == FakeRevision::kV12 ? -ENXIO : -EINVAL);
    }
}

TEST(FakeGuest, LargeGranules_MeasureAsTheRule) {
    for (const std::uint64_t granule : {16384ULL, 65536ULL}) {
        FakeOptions given = options(FakeRevision::kV14);
        given.page_size = granule;
        FakeKvm kvm(given);
        RawVmm vmm(kvm);
        ASSERT_EQ(vmm.create_realm(40), 0);
        vmm.build(kRam);
        const auto source = *Mapping::create("source", granule, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1);
        source.data()[5] = std::byte{1};
        ASSERT_EQ(vmm.populate(kRam.base(), source.bytes()), 0);
        ASSERT_EQ(vmm.set(0, fake::pc_id(), 0x8000'0000), 0);
        ASSERT_EQ(vmm.run_briefly(), -EINTR);
        measure::RimExtender extender(measure::Rule::kRmm2TfRmm, measure::Hash::kSha256);
        rmi::RealmParams params;
        params.set(rmi::RealmParams::kS2sz, 40);
        params.set(rmi::RealmParams::kNumBps, 5);
        params.set(rmi::RealmParams::kNumWps, 3);
        rmi::RecParams rec;
        rec.set(rmi::RecParams::kFlags, 1);
        rec.set(rmi::RecParams::kPc, 0x8000'0000);
        ASSERT_TRUE(extender.realm_create(params));
        ASSERT_TRUE(extender.data(kRam.base(), source.bytes()));
        ASSERT_TRUE(extender.rec(rec));
        EXPECT_EQ(to_hex(kvm.rim()), to_hex(extender.rim()));
    }
}

}  // namespace
}  // namespace rvmm::vmm
