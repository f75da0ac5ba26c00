// A case's process: what is kept of it, and that it ends. The program is a shell in rvmm's place,
// to which the report's path is "$1".
#include "vmm/suite/case_process.hpp"

#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/exit_code.hpp"

namespace rvmm::vmm::suite {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

std::filesystem::path report_path(std::size_t number = 0) {
    return std::filesystem::path(RVMM_TEST_OUTPUT) /
           fmt::format("case_process_{}_{}.json", ::getpid(), number);
}

std::shared_ptr<CaseProcess> start_script(asio::io_context& loop, const std::string& script,
                                          CaseProcess::Done done, std::size_t number = 0) {
    auto process = CaseProcess::start(loop, {{"-c", script}, 60s}, "/bin/sh", report_path(number),
                                      std::move(done));
    EXPECT_TRUE(process);
    return process ? *std::move(process) : nullptr;
}

CaseRun run_script(const std::string& script) {
    asio::io_context loop(1);
    CaseRun result;
    int calls = 0;
    const auto process = start_script(loop, script, [&](CaseRun run) {
        result = std::move(run);
        ++calls;
        loop.stop();
    });
    loop.run_for(30s);
    EXPECT_EQ(calls, 1);
    return result;
}

TEST(CaseProcess, WhatItSays_IsKept) {
    const CaseRun run = run_script(
        "echo one; printf 'two\\033'; echo 'rvmm: error: no' >&2; read nothing;"
        "echo '{\"host\":\"lab\",\"console_tail\":[]}' >$1; exit 7");
    EXPECT_EQ(run.exit_code, 7);
    EXPECT_EQ(run.error, "");
    EXPECT_THAT(run.console, ElementsAre("one", "two\\x1b"));
    EXPECT_THAT(run.messages, ElementsAre("rvmm: error: no"));
    EXPECT_EQ(run.report, "{\"host\":\"lab\"}");
    EXPECT_GT(run.peak_memory, 0U);
    EXPECT_GT(run.free_memory, 0U);
}

TEST(CaseProcess, MuchOutput_LeavesItsLastLines) {
    const CaseRun run =
        run_script("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
    EXPECT_EQ(run.exit_code, 0);
    ASSERT_EQ(run.console.size(), ConsoleLines::kKept);
    EXPECT_EQ(run.console.back(), "line 19999");
    EXPECT_EQ(run.report, "");
}

TEST(CaseProcess, Signal_IsItsExitCode) {
    EXPECT_EQ(run_script("kill -SEGV $$").exit_code, killed_by(SIGSEGV));
}

TEST(CaseProcess, ChildThatKeepsThePipe_IsNotWaitedFor) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(run_script("sleep 20 & exit 4").exit_code, 4);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST(CaseProcess, End_EndsIt) {
    asio::io_context loop(1);
    CaseRun result;
    const auto process = start_script(loop, "exec sleep 60", [&](CaseRun run) {
        result = std::move(run);
        loop.stop();
    });
    process->end();
    loop.run_for(30s);
    EXPECT_EQ(result.exit_code, killed_by(SIGTERM));
}

TEST(CaseProcess, ChildThatFillsThePipe_IsNotWaitedFor) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(run_script("yes & exit 4").exit_code, 4);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST(CaseProcess, SecondEnd_KillsIt) {
    asio::io_context loop(1);
    CaseRun result;
    std::shared_ptr<CaseProcess> process;
    // It says when it ignores the first.
    const std::string ready = std::string(RVMM_TEST_OUTPUT) + fmt::format("/ready_{}", ::getpid());
    process = start_script(loop, "trap '' TERM; >" + ready + "; while :; do sleep 0.1; done",
                           [&](CaseRun run) {
                               result = std::move(run);
                               loop.stop();
                           });
    for (int i = 0; i < 300 && !std::filesystem::exists(ready); ++i)
        std::this_thread::sleep_for(100ms);
    const auto begin = std::chrono::steady_clock::now();
    process->end();
    process->end();
    loop.run_for(30s);
    EXPECT_EQ(result.exit_code, killed_by(SIGKILL));
    EXPECT_EQ(result.error, "");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, CaseProcess::kGrace);
    std::filesystem::remove(ready);
}

// Descriptors come and go, and what was seen of one that was closed counts for nothing.
TEST(CaseProcess, ManyAtATime_EachEndsByItself) {
    constexpr std::size_t kRuns = 120;
    asio::io_context loop(1);
    std::map<std::size_t, std::shared_ptr<CaseProcess>> running;
    std::size_t next = 0;
    std::size_t good = 0;
    std::function<void()> begin = [&] {
        if (next == kRuns) return running.empty() ? loop.stop() : void();
        const std::size_t number = next++;
        running[number] = start_script(
            loop, "echo a; echo b >&2; sleep 0.02; exit 9",
            [&, number](CaseRun run) {
                good += run.exit_code == 9 && run.error.empty();
                running.erase(number);
                begin();
            },
            number);
    };
    for (int i = 0; i < 6; ++i) begin();
    loop.run_for(60s);
    EXPECT_EQ(good, kRuns);
}

}  // namespace
}  // namespace rvmm::vmm::suite
