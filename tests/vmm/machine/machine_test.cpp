#include "vmm/machine/machine.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "fake_kvm/guest.hpp"
#include "vmm/machine/machine_runner.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::uint64_t kAlias = 1ULL << 39;
constexpr std::uint64_t kUart = 0x100'0000;
constexpr std::uint64_t kRam = 0x8000'0000;

FakeKvm::Step type_character(char c, std::uint64_t uart = kUart | kAlias) {
    return mmio_write(uart, static_cast<unsigned char>(c), 1);
}

/// Looks at the vCPU between two exits.
FakeKvm::Step check(std::function<void(FakeKvm::Vcpu&)> look, FakeKvm::Step next) {
    return [look = std::move(look), next = std::move(next)](FakeKvm::Vcpu& vcpu, kvm_run& run) {
        look(vcpu);
        return next(vcpu, run);
    };
}

class MachineTest : public ::testing::Test {
  protected:
    MachineTest()
        : kernel_(std::filesystem::path(::testing::TempDir()) /
                  ("rvmm-machine-" + std::to_string(::getpid()))) {
        std::ofstream(kernel_) << std::string(5000, 'k');
    }
    ~MachineTest() override { std::filesystem::remove(kernel_); }

    realm::LaunchPlan plan(bool realm, std::uint32_t vcpus = 1) {
        realm::RealmSpec spec;
        spec.machine = {vcpus, 64ULL << 20};
        spec.boot.kernel = kernel_;
        if (realm) spec.realm = realm::RealmParameters{};
        auto made = realm::LaunchPlan::create(std::move(spec));
        EXPECT_TRUE(made) << made.error().message();
        return *std::move(made);
    }

    /// Launches on the fake with the console in console_.
    Result<RunReport> launch(const realm::LaunchPlan& plan) {
        auto run = run_machine_on(plan, *fake_);
        console_ = std::move(run.console);
        return std::move(run.report);
    }

    std::unique_ptr<FakeKvm> fake_ = std::make_unique<FakeKvm>();
    std::string console_;
    std::filesystem::path kernel_;
};

TEST_F(MachineTest, Realm_IsBuiltAsThePlanSays) {
    const auto realm = plan(true, 2);
    fake_->script(0, {check(
                          [&](FakeKvm::Vcpu& vcpu) {
                              EXPECT_EQ(vcpu.pc(), kRam + 0x80000);
                              EXPECT_EQ(vcpu.x(0), realm.layout().fdt.value);
                              EXPECT_EQ(vcpu.x(1), 0u);
                              const auto slots = fake_->slots();
                              ASSERT_EQ(slots.size(), 2u);
                              const auto* ram = reinterpret_cast<char*>(slots[0].userspace_addr);
                              EXPECT_EQ(ram[0x80000], 'k');
                              EXPECT_EQ(ram[0x80000 + 5000], 0) << "page tails are zero";
                              const auto* open = reinterpret_cast<char*>(slots[1].userspace_addr);
                              EXPECT_EQ(open[0x80000], 0) << "nothing is shared at the start";
                          },
                          type_character('h')),
                      type_character('i'), smc(0x8400'0008)});
    const auto report = launch(realm);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(console_, "hi");
    EXPECT_EQ(report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_EQ(fake_->vm_types, std::vector<std::uint64_t>{40});
    const auto slots = fake_->slots();
    EXPECT_EQ(slots[0].guest_phys_addr, kRam);
    EXPECT_EQ(slots[1].guest_phys_addr, kRam | kAlias);
    EXPECT_NE(slots[0].userspace_addr, slots[1].userspace_addr);
    // The GIC is registered at its shared alias, which is where the guest touches it.
    const std::vector<std::uint64_t> gic = {
        0x3fff'0000 | kAlias, (2ULL << 52) | 0x3ffb'0000 | kAlias, 0x3ff9'0000 | kAlias};
    EXPECT_EQ(fake_->gic_addresses(), gic);
    for (const std::uint32_t id : {0xC400'0190U, 0xC400'0199U, 0xC600'5201U, 0x8400'0002U})
        EXPECT_TRUE(fake_->forwarded().contains(id)) << std::hex << id;
    EXPECT_FALSE(fake_->forwarded().contains(0x8400'0001U)) << "CPU_SUSPEND waits in the kernel";
    EXPECT_TRUE(fake_->vcpu(1).powered_off);
    EXPECT_EQ(fake_->open_descriptors(), 0u);
}

TEST_F(MachineTest, Realm_ConvertsAndPrints) {
    const std::uint64_t page = kRam + 0x20'0000;
    const auto memory = [&](int slot) {
        return reinterpret_cast<std::byte*>(
                   fake_->slots()[static_cast<std::size_t>(slot)].userspace_addr) +
               0x20'0000;
    };
    fake_->script(0, {smc(0xC400'0190, 0x10000),
                      check(
                          [&](FakeKvm::Vcpu& vcpu) {
                              EXPECT_EQ(vcpu.x(0), 0u);
                              EXPECT_EQ(vcpu.x(1), 0x10000u);
                              std::memcpy(memory(0), "private!", 8);
                          },
                          smc(0xC400'0197, page, page + 4096, 0)),
                      check(
                          [&](FakeKvm::Vcpu& vcpu) {
                              EXPECT_EQ(vcpu.x(0), 0u);
                              EXPECT_EQ(vcpu.x(1), page + 4096);
                              EXPECT_EQ(std::memcmp(memory(1), "\0\0\0\0\0\0\0\0", 8), 0);
                              std::memcpy(memory(1), "printed.", 8);
                              // RsiHostCall: gprs from offset 8. PRINT(alias, 8).
                              auto* call = memory(0) + 4096;
                              const std::uint64_t gprs[3] = {0xC600'5201, page | kAlias, 8};
                              std::memcpy(call + 8, gprs, sizeof gprs);
                          },
                          smc(0xC400'0199, page + 4096)),
                      check(
                          [&](FakeKvm::Vcpu& vcpu) {
                              EXPECT_EQ(vcpu.x(0), 0u);
                              const std::uint64_t gprs[2] = {0xC600'5203, 5};
                              std::memcpy(memory(0) + 4096 + 8, gprs, sizeof gprs);
                          },
                          smc(0xC400'0199, page + 4096))});
    const auto report = launch(plan(true));
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(console_, "printed.");
    EXPECT_EQ(report->outcome.kind, RunOutcome::Kind::kGuestStatus);
    EXPECT_EQ(report->outcome.exit_code(), 5);
    EXPECT_EQ(report->counters.conversions, 1u);
    EXPECT_EQ(report->counters.converted_bytes, 4096u);
    EXPECT_EQ(report->counters.hypercall_exits, 4u);
}

TEST_F(MachineTest, Realm_CpuOnStartsTheTargetAfreshAndCpuOffStopsIt) {
    constexpr std::uint64_t kEntry = kRam + 0x9'0000;
    fake_->script(0, {smc(0xC400'0003, 1, kEntry, 0x1234)});
    fake_->script(1, {check(
                          [&](FakeKvm::Vcpu& vcpu) {
                              EXPECT_EQ(vcpu.pc(), kEntry);
                              EXPECT_EQ(vcpu.x(0), 0x1234u);
                          },
                          type_character('b')),
                      [&](FakeKvm::Vcpu& vcpu, kvm_run& run) {
                          fake_->script(0, {smc(0xC400'0004, 1, 0), smc(0x8400'0009)});
                          return smc(0x8400'0002)(vcpu, run);
                      }});
    const auto report = launch(plan(true, 2));
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(console_, "b");
    EXPECT_EQ(report->outcome.exit_code(), 80) << "SYSTEM_RESET ends the realm";
}

TEST_F(MachineTest, OrdinaryVm_UsesPlainAddresses) {
    fake_->script(
        0, {type_character('v', kUart), mmio_read(kUart + 5, 1), [](FakeKvm::Vcpu&, kvm_run& run) {
                EXPECT_EQ(run.mmio.data[0] & 0x60, 0x60);
                run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
                run.system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
                return 0L;
            }});
    const auto report = launch(plan(false));
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(console_, "v");
    EXPECT_EQ(fake_->slots().size(), 1u);
    EXPECT_EQ(fake_->gic_addresses().front(), 0x3fff'0000u);
    EXPECT_FALSE(fake_->forwarded().contains(0xC400'0190U));
}

TEST_F(MachineTest, UnclaimedMmio_ReadsZeroAndIsCounted) {
    fake_->script(0, {mmio_read(0x500'0000, 8),
                      [](FakeKvm::Vcpu& vcpu, kvm_run& run) {
                          EXPECT_EQ(std::memcmp(run.mmio.data, "\0\0\0\0\0\0\0\0", 8), 0);
                          return mmio_write(UINT64_MAX - 1, 1, 4)(vcpu, run);
                      },
                      system_event(KVM_SYSTEM_EVENT_SHUTDOWN)});
    const auto report = launch(plan(false));
    ASSERT_TRUE(report);
    EXPECT_EQ(report->counters.unclaimed_mmio, 2u);
}

TEST_F(MachineTest, VcpuThatCannotGoOn_IsAPanic) {
    fake_->script(0, {exit_reason(KVM_EXIT_FAIL_ENTRY)});
    const auto report = launch(plan(false));
    ASSERT_TRUE(report);
    EXPECT_EQ(report->outcome.exit_code(), 81);
    EXPECT_NE(report->outcome.detail.find("vCPU 0"), std::string::npos);
}

TEST_F(MachineTest, Signal_EndsVcpusThatWaitInTheKernel) {
    fake_->script(0, {[](FakeKvm::Vcpu&, kvm_run& run) {
                      ::kill(::getpid(), SIGTERM);
                      run.exit_reason = KVM_EXIT_INTR;
                      return 0L;
                  }});
    const auto report = launch(plan(true, 4));
    ASSERT_TRUE(report);
    EXPECT_EQ(report->outcome.exit_code(), 143);
}

TEST_F(MachineTest, WrongMpidr_IsRefused) {
    fake_->mpidr_xor = 0x100;
    const auto report = launch(plan(false));
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().message().find("MPIDR"), std::string::npos);
}

TEST_F(MachineTest, NoKvm_SaysWhatToDo) {
    fake_->open_error = EACCES;
    const auto report = launch(plan(false));
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().stage(), Stage::kHostCannot);
    EXPECT_FALSE(report.error().advice().empty());
}

// Any single failing call ends the launch with an error or the run with a panic, and leaves no
// descriptor behind.
TEST_F(MachineTest, EveryFailingCall_IsHandled) {
    const auto realm = plan(true, 2);
    bool succeeded = false;
    int n = 0;
    for (; n < 500 && !succeeded; ++n) {
        fake_ = std::make_unique<FakeKvm>();
        fake_->fail_call(n, ENOMEM);
        fake_->script(0, {type_character('x'), smc(0xC400'0190, 0x10000), smc(0x8400'0008)});
        const auto report = launch(realm);
        EXPECT_EQ(fake_->open_descriptors(), 0u) << "call " << n;
        succeeded = report && report->outcome.exit_code() == 0;
        if (!report) {
            EXPECT_FALSE(report.error().message().empty());
        }
    }
    EXPECT_TRUE(succeeded);
    EXPECT_GT(n, 30);
}

}  // namespace
}  // namespace rvmm::vmm
