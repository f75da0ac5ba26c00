// A launch is recorded, and its text then plays the kernel's part.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fake_kvm/fake_kvm.hpp"
#include "fake_kvm/guest.hpp"
#include "fake_kvm/replay_driver.hpp"
#include "vmm/kvm/recording_driver.hpp"
#include "vmm/machine/machine_runner.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::uint64_t kSharedAlias = 1ULL << 39;
constexpr std::uint64_t kSharedUart = 0x100'0000 | kSharedAlias;
constexpr std::uint64_t kRamBase = 0x8000'0000;

/// `text` without the lines that begin so.
template <class... Begins>
std::string lines_without(std::string_view text, const Begins&... begins) {
    std::string kept;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n') + 1, text.size());
        if (!(text.starts_with(begins) || ...)) kept += text.substr(0, end);
        text.remove_prefix(end);
    }
    return kept;
}

class ReplayTest : public ::testing::Test {
  protected:
    ReplayTest()
        : kernel_(std::filesystem::path(::testing::TempDir()) /
                  ("rvmm-replay-" + std::to_string(::getpid()))) {
        std::ofstream(kernel_) << std::string(5000, 'k');
        realm::RealmSpec spec;
        spec.machine = {2, 64ULL << 20};
        spec.boot.kernel = kernel_;
        spec.realm = realm::RealmParameters{};
        auto made = realm::LaunchPlan::create(std::move(spec));
        EXPECT_TRUE(made) << made.error().message();
        plan_ = std::make_unique<realm::LaunchPlan>(*std::move(made));
    }
    ~ReplayTest() override { std::filesystem::remove(kernel_); }

    /// Launches with the console in console_.
    Result<RunReport> launch(kvm::Driver& driver) {
        auto run = run_machine_on(*plan_, driver);
        console_ = std::move(run.console);
        return std::move(run.report);
    }

    /// vCPU 0 prints, reads the UART, starts vCPU 1, which prints and stops; vCPU 0 ends it all.
    std::string record() {
        constexpr std::uint64_t kEntry = kRamBase + 0x9'0000;
        FakeKvm fake;
        fake.script(0, {mmio_write(kSharedUart, 'h', 1), mmio_read(kSharedUart + 5, 1),
                        smc(0xC400'0190, 65536), smc(0xC400'0003, 1, kEntry, 0x1234)});
        fake.script(1, {mmio_write(kSharedUart, 'i', 1), [&](FakeKvm::Vcpu& vcpu, kvm_run& run) {
                            fake.script(0, {smc(0x8400'0008)});
                            return smc(0x8400'0002)(vcpu, run);
                        }});
        std::string text = kvm::recording_header("6.19", fake);
        kvm::RecordingDriver recorder(
            fake, [&](std::string_view line) { text.append(line).append("\n"); });
        const auto report = launch(recorder);
        EXPECT_TRUE(report) << report.error().message();
        EXPECT_EQ(report->outcome.kind, RunOutcome::Kind::kShutdown);
        EXPECT_EQ(console_, "hi");
        return text;
    }

    /// What does not fit when `text` is played.
    std::string replay_problem(const std::string& text) {
        std::string problem;
        ReplayDriver replay(text, [&](const std::string& what) { problem = what; });
        static_cast<void>(launch(replay));
        EXPECT_EQ(replay.open_descriptors(), 0u);
        return problem;
    }

    static std::string replaced(std::string text, std::string_view from, std::string_view to) {
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from << " in\n" << text;
        return at != std::string::npos ? text.replace(at, from.size(), to) : text;
    }

    std::filesystem::path kernel_;
    std::unique_ptr<realm::LaunchPlan> plan_;
    std::string console_;
};

TEST_F(ReplayTest, Recording_PlaysTheSameRun) {
    const std::string text = record();
    ReplayDriver replay(text);
    const auto report = launch(replay);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(console_, "hi");
    EXPECT_EQ(report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_THAT(replay.unplayed(), ::testing::IsEmpty());
    EXPECT_EQ(replay.open_descriptors(), 0u);
}

TEST_F(ReplayTest, RecordingOfAReplay_IsTheRecording) {
    const std::string text = record();
    ReplayDriver replay(text);
    std::string again = kvm::recording_header("6.19", replay);
    kvm::RecordingDriver recorder(replay,
                                  [&](std::string_view line) { again.append(line).append("\n"); });
    ASSERT_TRUE(launch(recorder));
    // Of one thread: how others come between is not the same.
    const auto of_vcpu0 = [](const std::string& lines) {
        return lines_without(lines, "vcpu1 ", "vm ", "vcpu0 RUN = EINTR");
    };
    EXPECT_EQ(of_vcpu0(again), of_vcpu0(text));
}

TEST_F(ReplayTest, OtherInputs_AreAFailureThatSaysWhatWasExpected) {
    const std::string text = record();
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"gpa=0x80000000", "gpa=0x90000000"},
             {"vcpu0 SET_ONE_REG PC=", "vcpu0 SET_ONE_REG X7="},
             {"group=SMCCC attr=FILTER", "group=SMCCC attr=1"},
             {"RUN data=60", "RUN data=00"},
             {"vcpu1 SET_ONE_REG X0=0x1234", "vcpu1 SET_ONE_REG X0=0x4321"}}) {
        const std::string problem = replay_problem(replaced(text, from, to));
        EXPECT_NE(problem.find("expected: "), std::string::npos) << from << ": " << problem;
        EXPECT_NE(problem.find(to), std::string::npos) << problem;
    }
}

TEST_F(ReplayTest, Errors_AreThoseOfTheRecording) {
    const std::string text =
        replaced(record(), "vm CREATE_VCPU id=1 = vcpu1", "vm CREATE_VCPU id=1 = ENOMEM");
    ReplayDriver replay(text, [](const std::string& what) { ADD_FAILURE() << what; });
    const auto report = launch(replay);
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().message().find("vCPU 1"), std::string::npos);
    EXPECT_EQ(report.error().error_number(), ENOMEM);
}

TEST_F(ReplayTest, UsedUpVcpus_WaitForAKick) {
    // The guest does not end itself: a signal does.
    const std::string text = record();
    const std::size_t end = text.rfind("vcpu0 RUN -> HYPERCALL");
    ReplayDriver replay(text.substr(0, end) + lines_without(text.substr(end), "vcpu0 "));
    std::jthread killer([] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        ::kill(::getpid(), SIGTERM);
    });
    const auto report = launch(replay);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->outcome.exit_code(), 143);
}

}  // namespace
}  // namespace rvmm::vmm
