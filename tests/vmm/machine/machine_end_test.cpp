// How machines with devices end, and how their launch fails: in time, and with nothing left over.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <asio/post.hpp>
#include <gmock/gmock.h>

#include "vmm/cca/realm_runner.hpp"
#include "vmm/machine/device_machine.hpp"

namespace rvmm::vmm {
namespace {

using cca::Holdings;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint16_t kDiskType = 2;
constexpr double kInTime = 2000;  // ms; a device that is waited for takes 5 s

class MachineEndTest : public ::testing::TestWithParam<MachineKind> {
  protected:
    DeviceMachine machine{GetParam()};
};
class MachineEndOnMmio : public MachineEndTest {};
class MachineEndOnPci : public MachineEndTest {};

/// Whether this process holds no more than before, soon: the kernel ends the workers of an io_uring
/// a moment after it.
bool comes_back_to(const Holdings& before) {
    for (int i = 0; i < 200; ++i) {
        const Holdings now = Holdings::now();
        if (now.threads <= before.threads && now.descriptors == before.descriptors &&
            now.guest_mappings == before.guest_mappings)
            return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
}

/// Many large writes, which nobody waits for.
void keep_busy(LiveGuest& guest, VirtioDriver& disk) {
    constexpr std::uint32_t kSize = 64 << 10;
    constexpr std::uint64_t kData = DeviceMachine::kBuffers + 0x1'0000;
    for (std::uint64_t i = 0; i < 20; ++i) {
        const std::uint64_t header = DeviceMachine::kBuffers + 32 * i;
        const MutableByteSpan at = guest.memory(header, 17);
        store_le(at, std::uint32_t{1});
        store_le(at.subspan(4), std::uint32_t{0});
        store_le(at.subspan(8), i * kSize / 512);
        disk.queue(0).offer({{header, 16}, {kData + i * kSize, kSize}, {header + 16, 1, true}});
    }
    disk.notify(0);
}

TEST_P(MachineEndTest, DiskInFlight_EndsCleanly) {
    machine.spec().devices = {machine.make_disk("disk0", 8 << 20)};
    std::optional<Holdings> before;  // what the first run leaves is the process's
    for (const bool by_signal : {false, true, false, true}) {
        const auto run = machine.run([&](LiveGuest& guest) {
            const auto disk = machine.driver(guest, 0, kDiskType);
            disk->start(DeviceMachine::kRings, 1);
            keep_busy(guest, *disk);
            if (by_signal) ::kill(::getpid(), SIGTERM);
            while (by_signal) guest.look_at([](auto&) {});
        });
        ASSERT_TRUE(run.report) << run.report.error().message();
        EXPECT_EQ(run.report->outcome.exit_code(), by_signal ? 143 : 0);
        EXPECT_LT(run.report->total_ms, kInTime);
        EXPECT_EQ(run.report->devices.at(0).last_error, "");
        EXPECT_EQ(machine.fake.open_descriptors(), 0u);
        if (!before) before = Holdings::now();
        EXPECT_TRUE(comes_back_to(*before));
    }
}

TEST_P(MachineEndTest, ResetThatADriverWaitsFor_DelaysNothing) {
    machine.spec().devices = {machine.make_disk("disk0", 8 << 20)};
    std::atomic<bool> resets{false};
    std::function<void()> end_soon;
    const auto run = machine.run(
        [&](LiveGuest& guest) {
            const auto disk = machine.driver(guest, 0, kDiskType);
            disk->start(DeviceMachine::kRings, 1);
            keep_busy(guest, *disk);
            EXPECT_TRUE(disk->queue(0).wait_used());
            end_soon();
            disk->begin_reset();
            resets = true;
            while (true) guest.look_at([](auto&) {});
        },
        [&](Machine& made, asio::io_context& loop) {
            end_soon = [&made, &loop, &resets] {
                // The loop does not come to the reset before the end.
                asio::post(loop, [&made, &resets] {
                    while (!resets) std::this_thread::yield();
                    std::this_thread::sleep_for(std::chrono::milliseconds(100));
                    made.end({RunOutcome::Kind::kKilled, SIGINT, {}});
                });
            };
        });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.exit_code(), 130);
    EXPECT_LT(run.report->total_ms, kInTime);
}

TEST_P(MachineEndTest, PowerKey_RaisesTheGpiosInterrupt) {
    machine.spec().machine.power_key = true;
    const auto run = machine.run([&](LiveGuest& guest) {
        const auto& devices = machine.board().devices;
        const auto gpio = std::ranges::find(devices, realm::DeviceBoard::Kind::kPl061PowerKey,
                                            &realm::DeviceBoard::kind);
        ASSERT_NE(gpio, devices.end());
        const std::uint64_t base = gpio->registers.base().value;
        const auto level = [&] {
            bool high = false;
            guest.look_at([&](FakeKvm::Vcpu& vcpu) {
                const std::lock_guard lock(vcpu.vm->host.mutex);
                high = vcpu.vm->spis[gpio->spi.value()];
            });
            return high;
        };
        constexpr std::uint32_t kKey = 1U << realm::kPowerKeyLine;
        guest.store(base + 0x40c, kKey, 4);  // IEV: rising edge
        guest.store(base + 0x410, kKey, 4);  // IE
        EXPECT_FALSE(level());
        ::kill(::getpid(), SIGPWR);
        EXPECT_TRUE(guest.eventually(level));
        EXPECT_EQ(guest.load(base + 0x418, 4), kKey);  // MIS
        guest.store(base + 0x41c, kKey, 4);            // IC
        EXPECT_FALSE(level());
    });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
}

TEST_P(MachineEndTest, PowerKeyThatIsNotThere_IsAWarning) {
    ::testing::internal::CaptureStderr();
    const auto run = machine.run([](LiveGuest&) {},
                                 [](Machine& made, asio::io_context&) { made.press_power_key(); });
    EXPECT_THAT(::testing::internal::GetCapturedStderr(),
                HasSubstr("no power key: machine.power_key = true gives it one"));
    EXPECT_TRUE(run.report);
}

TEST_P(MachineEndTest, DeviceThatCannotBe_FailsTheLaunchAndLeavesNothing) {
    auto missing = machine.make_disk("gone", 4096);
    std::filesystem::remove(machine.path("gone"));
    machine.spec().devices = {
        machine.make_disk("disk0", 4096),
        machine.device("vsock0", realm::VsockSpec{.cid = 3, .path = machine.path("v.sock")}),
        machine.device("log", realm::ConsoleSpec{{{.name = "log",
                                                   .mode = realm::ConsolePort::Mode::kFile,
                                                   .path = machine.path("log")}}}),
        missing};
    std::optional<Holdings> before;
    for (int round = 0; round < 2; ++round) {
        const auto report = machine.launch();
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().stage(), Stage::kImage);
        EXPECT_THAT(report.error().message(), HasSubstr("gone: cannot open disk"));
        EXPECT_THAT(report.error().advice(), HasSubstr("truncate -s"));
        EXPECT_FALSE(std::filesystem::exists(machine.path("log")))
            << "the next launch would find it in its way";
        EXPECT_FALSE(std::filesystem::exists(machine.path("v.sock")));
        EXPECT_EQ(machine.fake.open_descriptors(), 0u);
        if (!before) before = Holdings::now();
        EXPECT_TRUE(comes_back_to(*before));
    }
}

TEST_P(MachineEndTest, ConsoleFile_StaysAfterARun) {
    machine.spec().devices = {
        machine.device("log", realm::ConsoleSpec{{{.name = "log",
                                                   .mode = realm::ConsolePort::Mode::kFile,
                                                   .path = machine.path("log")}}})};
    ASSERT_TRUE(machine.launch());
    EXPECT_TRUE(std::filesystem::exists(machine.path("log")));
    const auto again = machine.launch();
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().stage(), Stage::kUsage);
    EXPECT_TRUE(std::filesystem::exists(machine.path("log"))) << "it is another run's";
}

TEST_P(MachineEndOnMmio, RefusedWiring_FailsTheLaunch) {
    machine.spec().devices = {machine.make_disk("disk0", 4096),
                              machine.device("rng0", realm::RngSpec{})};
    for (const unsigned long request : {KVM_IOEVENTFD, KVM_IRQFD})
        for (const int nth : {0, 1}) {
            machine.fake.fail_request(request, machine.fake.calls_of(request) + nth, ENOSPC);
            const auto report = machine.launch();
            ASSERT_FALSE(report);
            EXPECT_EQ(report.error().stage(), Stage::kLaunch);
            EXPECT_THAT(report.error().message(), HasSubstr("No space left on device"));
            EXPECT_THAT(report.error().message(), HasSubstr(nth == 0 ? "disk0" : "rng0"));
            EXPECT_THAT(report.error().message(), Not(HasSubstr("\n")));
            EXPECT_EQ(machine.fake.open_descriptors(), 0u);
        }
    EXPECT_TRUE(machine.launch());
}

// A realm's driver places BARs and writes messages while it runs: what KVM refuses then is no end.
TEST_P(MachineEndOnPci, RefusedWiring_IsAWarningAndTheSlowWay) {
    machine.spec().devices = {machine.device("rng0", realm::RngSpec{})};
    for (const unsigned long request : {KVM_IOEVENTFD, KVM_IRQFD, KVM_SET_GSI_ROUTING}) {
        machine.fake.fail_request(request, machine.fake.calls_of(request), ENOSPC);
        ::testing::internal::CaptureStderr();
        const auto run = machine.run([&](LiveGuest& guest) {
            const auto rng = machine.driver(guest, 0, 4);
            rng->start(DeviceMachine::kRings, 1);
            rng->queue(0).offer({{DeviceMachine::kBuffers, 64, true}});
            rng->notify(0);
            EXPECT_EQ(rng->queue(0).wait_used(), 64u);
            EXPECT_TRUE(guest.eventually([&] { return rng->interrupted(0); }));
        });
        const std::string warning = ::testing::internal::GetCapturedStderr();
        ASSERT_TRUE(run.report) << run.report.error().message();
        EXPECT_THAT(warning, HasSubstr("No space left on device"));
        EXPECT_EQ(std::ranges::count(warning, '\n'), 1) << warning;
        EXPECT_EQ(machine.fake.open_descriptors(), 0u);
    }
}

TEST_P(MachineEndOnMmio, EveryFailingCall_LeavesNothing) {
    machine.spec().devices = {
        machine.make_disk("disk0", 4096), machine.device("rng0", realm::RngSpec{}),
        machine.device("log", realm::ConsoleSpec{{{.name = "log",
                                                   .mode = realm::ConsolePort::Mode::kFile,
                                                   .path = machine.path("log")}}})};
    // One that ends well before anything is held against it: sanitizers have threads and files of
    // their own from the first thread on.
    ASSERT_TRUE(machine.launch());
    std::filesystem::remove(machine.path("log"));
    const Holdings before = Holdings::now();
    bool reached = true;
    int n = 0;
    for (; reached && n < 2000; ++n) {
        const int first = machine.fake.calls();
        const int runs = machine.fake.calls_of(KVM_RUN);
        machine.fake.fail_call(first + n, ENOMEM);
        const auto report = machine.launch();
        reached = machine.fake.calls() > first + n;
        EXPECT_EQ(machine.fake.open_descriptors(), 0u) << "call " << n;
        ASSERT_TRUE(comes_back_to(before)) << "call " << n;
        // A realm's first KVM_RUN may be what makes it a realm, and fail at that.
        const bool ran = machine.fake.calls_of(KVM_RUN) != runs;
        const bool has_log = std::filesystem::exists(machine.path("log"));
        EXPECT_TRUE(ran || !has_log) << "call " << n;
        EXPECT_TRUE(has_log || !report) << "call " << n;
        std::filesystem::remove(machine.path("log"));
        EXPECT_TRUE(reached || (report && report->outcome.exit_code() == 0));
    }
    EXPECT_FALSE(reached);
    EXPECT_GT(n, 30);
}

INSTANTIATE_TEST_SUITE_P(All, MachineEndTest, ::testing::ValuesIn(all_machine_kinds()), name_of);
INSTANTIATE_TEST_SUITE_P(
    All, MachineEndOnMmio,
    ::testing::Values(MachineKind{GuestOn::kVm, realm::Transport::kMmio},
                      MachineKind{GuestOn::kEmulatedRealm, realm::Transport::kMmio},
                      MachineKind{GuestOn::kCcaRealm, realm::Transport::kMmio}),
    name_of);
INSTANTIATE_TEST_SUITE_P(All, MachineEndOnPci,
                         ::testing::Values(MachineKind{GuestOn::kVm, realm::Transport::kPci},
                                           MachineKind{GuestOn::kCcaRealm, realm::Transport::kPci}),
                         name_of);

}  // namespace
}  // namespace rvmm::vmm
