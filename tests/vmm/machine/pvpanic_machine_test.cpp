// A guest that ends its run by pvpanic, in every kind of machine.
#include <algorithm>

#include <gmock/gmock.h>

#include "devices/pvpanic.hpp"
#include "vmm/machine/device_machine.hpp"

namespace rvmm::vmm {
namespace {

using devices::Pvpanic;
using ::testing::HasSubstr;
using ::testing::Not;

class PvpanicMachine : public ::testing::TestWithParam<MachineKind> {
  protected:
    void SetUp() override { machine.spec().machine.pvpanic = true; }

    std::uint64_t base_of(realm::DeviceBoard::Kind kind) {
        const auto& devices = machine.board().devices;
        const auto found = std::ranges::find(devices, kind, &realm::DeviceBoard::kind);
        EXPECT_NE(found, devices.end());
        return found == devices.end() ? 0 : found->registers.base().value;
    }
    std::uint64_t at(std::uint64_t offset) {
        return base_of(realm::DeviceBoard::Kind::kPvpanic) + offset;
    }
    /// Runs a guest that writes once, and then waits for its end.
    MachineRun run_write(std::uint64_t offset, std::uint64_t value, std::uint32_t size) {
        return machine.run([&](LiveGuest& guest) {
            guest.store(at(offset), value, size);
            while (true) guest.look_at([](auto&) {});
        });
    }

    DeviceMachine machine{GetParam()};
};

TEST_P(PvpanicMachine, Panic_Is81AndSaysWhy) {
    const auto run = run_write(Pvpanic::kEvents, Pvpanic::kPanicked, 1);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kPanic);
    EXPECT_EQ(run.report->outcome.exit_code(), 81);
    EXPECT_EQ(run.report->outcome.detail, "the guest says by pvpanic that it panicked");
    EXPECT_EQ(run.report->counters.unclaimed_mmio, 0u);
    EXPECT_EQ(machine.fake.open_descriptors(), 0u);
}

TEST_P(PvpanicMachine, Shutdown_Is0) {
    const auto run = run_write(Pvpanic::kEvents, Pvpanic::kShutdown, 1);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_EQ(run.report->outcome.exit_code(), 0);
    EXPECT_EQ(run.report->outcome.detail, "");
}

TEST_P(PvpanicMachine, Status_IsTheExitCode) {
    for (const int status : {0, 9, 63}) {
        const auto run = run_write(Pvpanic::kStatus, static_cast<std::uint64_t>(status), 4);
        ASSERT_TRUE(run.report) << run.report.error().message();
        EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kGuestStatus);
        EXPECT_EQ(run.report->outcome.exit_code(), status);
    }
}

TEST_P(PvpanicMachine, WhatTheGuestSaysAfterwards_ChangesNothing) {
    const auto run = machine.run([&](LiveGuest& guest) {
        guest.store(at(Pvpanic::kStatus), 9, 4);
        guest.store(at(Pvpanic::kEvents), Pvpanic::kPanicked, 1);
        // Its power-off comes too late as well.
    });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.exit_code(), 9);
}

TEST_P(PvpanicMachine, CrashKernel_IsOneWarningAndTheRunGoesOn) {
    ::testing::internal::CaptureStderr();
    const auto run = machine.run([&](LiveGuest& guest) {
        EXPECT_EQ(guest.load(at(Pvpanic::kEvents), 1), 7u);
        EXPECT_EQ(guest.load(at(Pvpanic::kStatus), 4), Pvpanic::kMagic);
        for (int i = 0; i < 100; ++i) guest.store(at(Pvpanic::kEvents), Pvpanic::kCrashLoaded, 1);
        guest.store(base_of(realm::DeviceBoard::Kind::kUart16550), 'x', 1);
    });
    const std::string warning = ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_THAT(warning, HasSubstr("it goes on with a crash kernel"));
    EXPECT_EQ(std::ranges::count(warning, '\n'), 1) << warning;
    EXPECT_EQ(run.console, "x");
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
}

TEST_P(PvpanicMachine, HostileAccesses_AreAnsweredAndTheRunGoesOn) {
    const auto run = machine.run([&](LiveGuest& guest) {
        for (std::uint64_t offset = 0; offset < Pvpanic::kSize + 2; ++offset)
            for (std::uint32_t size = 1; size <= 8; ++size) {
                guest.store(at(offset), 0xffff'fff8, size);
                const std::uint64_t value = guest.load(at(offset), size);
                if (offset + size > Pvpanic::kSize) {
                    EXPECT_EQ(value, 0u) << offset;
                }
            }
        guest.store(base_of(realm::DeviceBoard::Kind::kUart16550), 'y', 1);
    });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.console, "y");
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_GT(run.report->counters.unclaimed_mmio, 0u);
}

TEST_P(PvpanicMachine, WithoutTheKey_NothingIsThere) {
    const std::uint64_t base = realm::kPvpanicBase.value;
    machine.spec().machine.pvpanic = false;
    const auto run = machine.run([&](LiveGuest& guest) {
        EXPECT_EQ(guest.load(base, 1), 0u);
        guest.store(base, Pvpanic::kPanicked, 1);
    });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_EQ(run.report->counters.unclaimed_mmio, 2u);
}

INSTANTIATE_TEST_SUITE_P(
    All, PvpanicMachine,
    ::testing::Values(MachineKind{GuestOn::kVm, realm::Transport::kMmio},
                      MachineKind{GuestOn::kEmulatedRealm, realm::Transport::kMmio},
                      MachineKind{GuestOn::kCcaRealm, realm::Transport::kMmio}),
    name_of);

}  // namespace
}  // namespace rvmm::vmm
