#include "vmm/watch/console_watch.hpp"

#include <gmock/gmock.h>

namespace rvmm::vmm {
namespace {

using Kind = RunOutcome::Kind;
using ::testing::ElementsAre;

class ConsoleWatchTest : public ::testing::Test {
  protected:
    static Pattern compiled(std::string_view expression) {
        return *Pattern::compile("--expect", expression);
    }
    void expect(std::string_view expression, std::string send = {}) {
        spec.expect.push_back({compiled(expression), std::move(send)});
    }
    ConsoleWatch& watch() {
        if (!made)
            made.emplace(loop, spec,
                         ConsoleWatch::Actions{
                             .send = [this](std::string_view text) { sent.emplace_back(text); },
                             .end = [this](RunOutcome outcome) { ends.push_back(outcome); }});
        return *made;
    }
    void print(std::string_view text) { watch().feed(as_bytes(text)); }
    RunOutcome judged(Kind kind, int number = 0) { return watch().judge({kind, number, {}}); }

    asio::io_context loop;
    WatchSpec spec;
    std::optional<ConsoleWatch> made;
    std::vector<std::string> sent;
    std::vector<RunOutcome> ends;
};

TEST_F(ConsoleWatchTest, Expectations_AreMetInTheirOrder) {
    expect("login: ", "root\n");
    expect("# $", "ls\n");
    expect("done");
    print("boot\ndone\n# \nhost logi");
    EXPECT_TRUE(sent.empty());
    EXPECT_FALSE(watch().has_met_any());
    print("n: ");
    EXPECT_THAT(sent, ElementsAre("root\n")) << "a prompt has no line end";
    EXPECT_TRUE(watch().has_met_any());
    print("root\r\n");
    EXPECT_EQ(judged(Kind::kShutdown).kind, Kind::kUnmet);
    print("# ");
    EXPECT_THAT(sent, ElementsAre("root\n", "ls\n"));
    print("ls\nall done\n");
    EXPECT_TRUE(ends.empty()) << "the guest goes on";
    EXPECT_EQ(judged(Kind::kShutdown).kind, Kind::kShutdown);
}

TEST_F(ConsoleWatchTest, OneText_MeetsOneExpectation) {
    expect("o");
    expect("o");
    expect("o");
    print("foo");
    print("\n");
    EXPECT_EQ(judged(Kind::kShutdown).detail,
              "the console did not say what --expect names, o (3 of 3)");
    print("o");
    EXPECT_EQ(judged(Kind::kShutdown).kind, Kind::kShutdown);
}

TEST_F(ConsoleWatchTest, LastExpectation_EndsTheRunWhereThatIsWanted) {
    expect("one");
    expect("two");
    spec.end_when_met = true;
    print("one\n");
    EXPECT_TRUE(ends.empty());
    print("two");
    ASSERT_EQ(ends.size(), 1u);
    EXPECT_EQ(ends[0].kind, Kind::kMet);
    EXPECT_EQ(ends[0].exit_code(), 0);
    EXPECT_EQ(watch().judge(ends[0]).kind, Kind::kMet);
}

TEST_F(ConsoleWatchTest, FailOn_EndsTheRunAndDecidesHowItEnded) {
    expect("never");
    spec.fail_on = {compiled("BUG:"), compiled("Oops")};
    print("all is well\nkernel ");
    EXPECT_TRUE(ends.empty());
    print("BUG: \x1b[1mhere\nOops\n");
    ASSERT_EQ(ends.size(), 1u);
    EXPECT_EQ(ends[0].exit_code(), 81);
    EXPECT_EQ(ends[0].detail,
              R"(the console said what --fail-on names, BUG:: kernel BUG: \x1b[1mhere)");
    EXPECT_EQ(judged(Kind::kShutdown).exit_code(), 81) << "it was the guest's last line";
    EXPECT_EQ(judged(Kind::kGuestStatus, 3).exit_code(), 81);
    EXPECT_EQ(judged(Kind::kKilled, 15).exit_code(), 143);
}

TEST_F(ConsoleWatchTest, OtherEnds_AreNotUnmet) {
    expect("x");
    for (const auto& [kind, number, code] :
         {std::tuple(Kind::kGuestStatus, 5, 5), std::tuple(Kind::kReset, 0, 80),
          std::tuple(Kind::kPanic, 0, 81), std::tuple(Kind::kTimeLimit, 0, 124),
          std::tuple(Kind::kKilled, 2, 130), std::tuple(Kind::kGuestStatus, 0, 71)})
        EXPECT_EQ(judged(kind, number).exit_code(), code);
}

TEST_F(ConsoleWatchTest, ResetAfterAPanic_IsThePanic) {
    EXPECT_EQ(judged(Kind::kReset).exit_code(), 80);
    print("[    1.25] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n[    1.26] CPU");
    EXPECT_TRUE(ends.empty());
    const auto outcome = judged(Kind::kReset);
    EXPECT_EQ(outcome.exit_code(), 81);
    EXPECT_EQ(outcome.detail, "Kernel panic - not syncing: VFS: Unable to mount root fs");
    EXPECT_EQ(judged(Kind::kShutdown).exit_code(), 0);
}

TEST_F(ConsoleWatchTest, EndOfAPanic_EndsTheRun) {
    print("[    1.25][    T1] Kernel panic - not syncing: x\n");
    print("---[ end Kernel panic - not syncing: x ]---\n");
    ASSERT_EQ(ends.size(), 1u);
    EXPECT_EQ(ends[0].exit_code(), 81);
}

TEST_F(ConsoleWatchTest, PanicWithoutAnEnd_EndsTheRunLater) {
    print("Kernel panic - not syncing: x\n");
    loop.run_for(ConsoleWatch::kPanicGrace - std::chrono::milliseconds(500));
    EXPECT_TRUE(ends.empty()) << "it may still print its trace";
    loop.run_for(std::chrono::seconds(2));
    ASSERT_EQ(ends.size(), 1u);
    EXPECT_EQ(ends[0].detail, "Kernel panic - not syncing: x");
}

TEST_F(ConsoleWatchTest, PersonAtTheConsole_IsLeftToReadThePanic) {
    spec.panic_ends = false;
    print("Kernel panic - not syncing: x\n---[ end Kernel panic - not syncing: x ]---\n");
    loop.run_for(ConsoleWatch::kPanicGrace + std::chrono::milliseconds(200));
    EXPECT_TRUE(ends.empty());
    EXPECT_EQ(judged(Kind::kReset).exit_code(), 81);
}

TEST_F(ConsoleWatchTest, WordsAboutAPanic_AreNone) {
    for (const char* line :
         {"grep 'Kernel panic - not syncing' log\n", "log: [ 1.2] Kernel panic - not syncing: x\n",
          "[ 1.2 Kernel panic - not syncing\n", "---[ end Kernel panic - not syncing: x ]---\n"})
        print(line);
    loop.run_for(ConsoleWatch::kPanicGrace + std::chrono::milliseconds(200));
    EXPECT_TRUE(ends.empty());
    EXPECT_EQ(judged(Kind::kReset).exit_code(), 80);
}

TEST_F(ConsoleWatchTest, LastLines_AreFiftyAndPrintable) {
    for (int i = 0; i < 60; ++i) print("line " + std::to_string(i) + "\r\n");
    print("\x1b[2J\xff?");
    const auto lines = watch().last_lines();
    ASSERT_EQ(lines.size(), ConsoleLines::kKept);
    EXPECT_EQ(lines.front(), "line 11");
    EXPECT_EQ(lines[48], "line 59");
    EXPECT_EQ(lines.back(), R"(\x1b[2J\xff?)");
}

TEST_F(ConsoleWatchTest, EndlessLine_IsCut) {
    expect("needle");
    print(std::string(100'000, 'x'));
    print("needle");
    EXPECT_TRUE(watch().has_met_any());
    for (const std::string& line : watch().last_lines())
        EXPECT_LE(line.size(), ConsoleLines::kLongestLine);
}

}  // namespace
}  // namespace rvmm::vmm
