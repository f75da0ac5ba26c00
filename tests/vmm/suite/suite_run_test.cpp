// How a suite ends that a signal ends, or whose results nobody takes, before anything runs.
#include "vmm/suite/suite_run.hpp"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/exit_code.hpp"
#include "vmm/lab/held_signals.hpp"

namespace rvmm::vmm::suite {
namespace {

using Kind = CaseResult::Kind;

/// Cases whose image is not there.
std::vector<TestCase> imageless_cases(std::initializer_list<RunsOn> hosts) {
    const auto spec = TestSpec::parse("image = \"nowhere/none.cfg\"", "t.test.toml");
    std::vector<TestCase> cases;
    for (const RunsOn host : hosts)
        cases.push_back({.suite = "t",
                         .variation = std::to_string(cases.size()),
                         .spec = std::make_shared<const TestSpec>(*spec),
                         .host = host});
    return cases;
}

class RunSuite : public testing::Test {
  protected:
    Result<SuiteEnd> run(const std::vector<TestCase>& cases) {
        return run_suite(cases, {.lab = {},
                                 .profiles = realm::ProfileTable::built_in(),
                                 .print = [this](std::string_view text) {
                                     tap_ += text;
                                     return said_ ? said_(text) : Result<>();
                                 }});
    }

    std::function<Result<>(std::string_view)> said_;
    std::string tap_;
};

TEST_F(RunSuite, SignalBeforeItRuns_BailsOut) {
    said_ = [](std::string_view text) -> Result<> {
        if (text.starts_with("TAP")) ::raise(SIGTERM);
        return {};
    };
    const auto end = run(imageless_cases({RunsOn::kLab, RunsOn::kCca}));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->signal, SIGTERM);
    EXPECT_EQ(end->exit_code(), killed_by(SIGTERM));
    EXPECT_EQ(end->count(Kind::kNotRun), 2U);
    EXPECT_EQ(tap_, "TAP version 14\n1..2\nBail out! ended by SIGTERM\n");
}

TEST_F(RunSuite, SignalBetweenImages_BailsOut) {
    said_ = [](std::string_view text) -> Result<> {
        if (text.starts_with("not ok 1")) ::raise(SIGHUP);
        return {};
    };
    const auto end = run(imageless_cases({RunsOn::kLab, RunsOn::kLab, RunsOn::kLab}));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->signal, SIGHUP);
    EXPECT_EQ(end->count(Kind::kError), 1U);
    EXPECT_EQ(end->count(Kind::kNotRun), 2U);
    EXPECT_TRUE(tap_.ends_with("  ...\nBail out! ended by SIGHUP\n")) << tap_;
}

TEST_F(RunSuite, NobodyTakesIt_EndsWithTheFirst) {
    said_ = [](std::string_view text) {
        return text.starts_with("TAP") ? Result<>() : fail(Stage::kLaunch, "cannot write");
    };
    const auto end = run(imageless_cases({RunsOn::kLab, RunsOn::kLab, RunsOn::kLab}));
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().message(), "cannot write");
    EXPECT_NE(tap_.find("not ok 1"), tap_.npos);
    EXPECT_EQ(tap_.find("not ok 2"), tap_.npos);
}

TEST(HeldSignals, LetThrough_AreHeldAgainAfterwards) {
    const lab::HeldSignals outer;
    {
        const lab::HeldSignals inner;
        const lab::LetSignals let;
    }
    ::raise(SIGINT);
    EXPECT_EQ(lab::HeldSignals::take(), SIGINT);
    EXPECT_EQ(lab::HeldSignals::take(), std::nullopt);
}

}  // namespace
}  // namespace rvmm::vmm::suite
