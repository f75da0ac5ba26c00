// A run that is looked after, on the fake of KVM: what the console says, and how long it takes.
#include "vmm/run/run_watch.hpp"

#include <csignal>
#include <fstream>
#include <iterator>

#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/overloaded.hpp"
#include "fake_kvm/guest.hpp"
#include "vmm/machine/machine_runner.hpp"

namespace rvmm::vmm {
namespace {

using namespace std::chrono_literals;
using Kind = RunOutcome::Kind;

constexpr std::uint64_t kSerial = 0x100'0000;

class RunWatchTest : public ::testing::Test {
  protected:
    RunWatchTest()
        : folder_(std::filesystem::path(::testing::TempDir()) /
                  ("rvmm-run-watch-" + std::to_string(::getpid()))) {
        std::filesystem::create_directory(folder_);
        std::ofstream(folder_ / "kernel") << std::string(5000, 'k');
    }
    ~RunWatchTest() override { std::filesystem::remove_all(folder_); }

    realm::LaunchPlan plan() const {
        realm::RealmSpec spec;
        spec.machine = {1, 64ULL << 20};
        spec.boot.kernel = folder_ / "kernel";
        auto made = realm::LaunchPlan::create(std::move(spec));
        EXPECT_TRUE(made) << made.error().message();
        return *std::move(made);
    }
    static std::vector<FakeKvm::Step> typing(std::string_view text) {
        std::vector<FakeKvm::Step> steps;
        for (const char c : text)
            steps.push_back(mmio_write(kSerial, static_cast<unsigned char>(c), 1));
        return steps;
    }
    /// A guest that prints `text` and then goes on for ever, or until `end`.
    void guest(std::string_view text, std::optional<FakeKvm::Step> end = std::nullopt) {
        auto steps = typing(text);
        if (end) steps.push_back(std::move(*end));
        fake_.script(0, std::move(steps));
    }
    RunReport run(bool inside_lab = false,
                  const std::function<void(asio::io_context&)>& also = {}) {
        const auto watched = [&](Machine& machine, asio::io_context& loop,
                                 ConsoleOutput& console) -> Result<RunReport> {
            RVMM_TRY(auto log, ConsoleLog::create(folder_ / "log"));
            RunWatch watch(loop, spec_, machine, console, std::move(log), inside_lab);
            if (also) also(loop);
            RVMM_TRY(RunReport report, machine.run());
            watch.finish(report);
            return report;
        };
        const auto begin = std::chrono::steady_clock::now();
        auto made = run_machine_on(plan(), fake_, {}, watched);
        took_ = std::chrono::steady_clock::now() - begin;
        console_ = made.console;
        EXPECT_TRUE(made.report) << made.report.error().message();
        return *std::move(made.report);
    }
    std::string log() const {
        std::ifstream file(folder_ / "log");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    FakeKvm fake_;
    WatchSpec spec_;
    std::string console_;
    std::chrono::steady_clock::duration took_{};
    std::filesystem::path folder_;
};

TEST_F(RunWatchTest, Console_IsLoggedAsItIs) {
    guest("one\r\ntwo", system_off());
    const RunReport report = run();
    EXPECT_EQ(report.outcome.kind, Kind::kShutdown);
    EXPECT_EQ(console_, "one\r\ntwo");
    EXPECT_EQ(log(), console_);
    EXPECT_TRUE(report.console_tail.empty());
    EXPECT_TRUE(report.last_exits.empty());
}

TEST_F(RunWatchTest, RunThatFails_LeavesTheLogThatItHas) {
    guest("before", system_off());
    const auto watched = [&](Machine& machine, asio::io_context& loop,
                             ConsoleOutput& console) -> Result<RunReport> {
        RVMM_TRY(auto log, ConsoleLog::create(folder_ / "log"));
        RunWatch watch(loop, spec_, machine, console, std::move(log), false);
        RVMM_TRY(const RunReport report, machine.run());
        return fail(Stage::kLaunch, "as if it had failed after {} exits",
                    report.counters.mmio_exits);
    };
    EXPECT_FALSE(run_machine_on(plan(), fake_, {}, watched).report);
    EXPECT_EQ(log(), "before");
}

TEST_F(RunWatchTest, Deadline_EndsAGuestThatGoesOn) {
    guest("here\n");
    spec_.deadline = std::chrono::steady_clock::now() + 300ms;
    const RunReport report = run();
    EXPECT_EQ(report.outcome.kind, Kind::kTimeLimit);
    EXPECT_EQ(report.outcome.exit_code(), 124);
    EXPECT_EQ(report.outcome.detail, kTimeIsUp);
    EXPECT_LT(took_, 2300ms);
    EXPECT_THAT(report.console_tail, ::testing::ElementsAre("here"));
    ASSERT_EQ(report.last_exits.size(), 1u);
    ASSERT_FALSE(report.last_exits[0].empty());
    EXPECT_THAT(report.last_exits[0].back(),
                ::testing::EndsWith(" ms before the end: MMIO write of 1 bytes at 0x1000000"));
    EXPECT_EQ(log(), "here\n");
}

TEST_F(RunWatchTest, BootLimit_EndsAGuestThatIsNotUp) {
    guest("here\n");
    spec_.boot_limit = 300ms;
    const RunReport report = run();
    EXPECT_EQ(report.outcome.exit_code(), 124);
    EXPECT_EQ(report.outcome.detail, "the guest was not up within 0.3 s (--boot-timeout)");
}

TEST_F(RunWatchTest, BootLimit_IsKeptByTheFirstExpectation) {
    guest("up\n");
    spec_.boot_limit = 300ms;
    spec_.deadline = std::chrono::steady_clock::now() + 900ms;
    spec_.expect.push_back({*Pattern::compile("--expect", "up")});
    EXPECT_EQ(run().outcome.detail, kTimeIsUp);
}

TEST_F(RunWatchTest, LabsAlarm_IsTheTimeLimit) {
    guest("here\n");
    const RunReport report =
        run(true, [](asio::io_context& loop) { asio::post(loop, [] { ::raise(SIGALRM); }); });
    EXPECT_EQ(report.outcome.exit_code(), 124);
}

TEST_F(RunWatchTest, FailOn_IsSeenInTheLastWords) {
    guest("a BUG", system_off());
    spec_.fail_on = {*Pattern::compile("--fail-on", "BUG")};
    const RunReport report = run();
    EXPECT_EQ(report.outcome.exit_code(), 81);
    EXPECT_THAT(report.console_tail, ::testing::ElementsAre("a BUG"));
}

TEST_F(RunWatchTest, Expectation_EndsTheRunThatWouldGoOn) {
    guest("login: ");
    spec_.expect.push_back({*Pattern::compile("--expect", "login: "), "root\n"});
    spec_.end_when_met = true;
    EXPECT_EQ(run().outcome.kind, Kind::kMet);
}

TEST_F(RunWatchTest, UnmetExpectation_IsAFailure) {
    guest("hello", system_off());
    spec_.expect.push_back({*Pattern::compile("--expect", "login: ")});
    const RunReport report = run();
    EXPECT_EQ(report.outcome.kind, Kind::kUnmet);
    EXPECT_EQ(report.outcome.exit_code(), 71);
    ASSERT_EQ(report.last_exits.size(), 1u);
    EXPECT_FALSE(report.last_exits[0].empty());
}

}  // namespace
}  // namespace rvmm::vmm
