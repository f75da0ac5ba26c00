// What a lab says of its runs, in whatever pieces and however wrong; and what it is told to run.
#include "vmm/suite/case_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm/suite/case_command.hpp"

namespace rvmm::vmm::suite {
namespace {

using testing::ElementsAre;

CaseRun some_run() {
    return {.exit_code = 3,
            .report = R"({"host":"emulated","rim":"aa"})",
            .console = {"one", "\\x1b two"},
            .messages = {"rvmm: hm"},
            .milliseconds = 12,
            .peak_memory = 1 << 20,
            .free_memory = 2ULL << 30};
}

class Received {
  public:
    explicit Received(std::size_t count)
        : lines_(count, [this](std::size_t index, CaseRun run) {
              runs.emplace_back(index, std::move(run));
          }) {}
    std::string feed(std::string_view text) {
        const auto fed = lines_.feed(as_bytes(text));
        return fed ? "" : fed.error().message();
    }
    std::vector<std::pair<std::size_t, CaseRun>> runs;

  private:
    RunLines lines_;
};

TEST(RunLines, RunsInPieces_AreTakenWhole) {
    const std::string text = run_line(1, some_run()) + run_line(0, {.error = "no"});
    for (std::size_t step = 1; step < text.size(); step = step * 3 + 1) {
        Received received(2);
        for (std::size_t at = 0; at < text.size(); at += step)
            EXPECT_EQ(received.feed(std::string_view(text).substr(at, step)), "");
        ASSERT_EQ(received.runs.size(), 2U);
        EXPECT_EQ(received.runs[0], std::pair(std::size_t{1}, some_run()));
        EXPECT_EQ(received.runs[1].second.error, "no");
    }
}

TEST(RunLines, WrongLines_EndIt) {
    const std::string none = "the lab's rvmm sent a line that is no run";
    EXPECT_EQ(Received(1).feed("\n"), none);
    EXPECT_EQ(Received(1).feed("[]\n"), none);
    EXPECT_EQ(Received(1).feed("{\"case\":0}\n"), none);
    std::string changed = run_line(0, some_run());
    changed.replace(changed.find("\"exit_code\":3"), 13, "\"exit_code\":999");
    EXPECT_EQ(Received(1).feed(changed), none);
    EXPECT_EQ(Received(1).feed(run_line(1, {})), "the lab's rvmm sent run 1 out of turn");
    Received twice(2);
    EXPECT_EQ(twice.feed(run_line(1, {}) + run_line(1, {})),
              "the lab's rvmm sent run 1 out of turn");
    EXPECT_EQ(twice.feed(run_line(0, {})), "the lab's rvmm sent run 1 out of turn");
    EXPECT_EQ(twice.runs.size(), 1U);
    Received endless(1);
    EXPECT_EQ(endless.feed(std::string(RunLines::kLongestLine, 'x')), "");
    EXPECT_EQ(endless.feed("x"), "the lab's rvmm sent a line that is too long");
}

TEST(RunLines, TextForATerminal_IsEscaped) {
    CaseRun run = some_run();
    run.console = {"\x1b[2J", "good \\x1b"};
    run.error = "a\nb";
    Received received(1);
    EXPECT_EQ(received.feed(run_line(0, run)), "");
    EXPECT_THAT(received.runs[0].second.console, ElementsAre("\\x1b[2J", "good \\x1b"));
    EXPECT_EQ(received.runs[0].second.error, "a\\nb");
}

TEST(RunReportText, Short_HasNoConsoleAndIsShallow) {
    EXPECT_EQ(short_report("{\"host\": \"lab\",\n\"console_tail\": [\"x\"], \"a\": [1]}"),
              "{\"host\":\"lab\",\"a\":[1]}");
    EXPECT_EQ(short_report("[1]"), "");
    EXPECT_EQ(short_report("{"), "");
    const std::string deep =
        short_report("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}");
    EXPECT_LT(deep.size(), 100U);
}

TEST(RunReportText, Facts_AreThoseThatAreThere) {
    const auto facts = read_report(
        R"({"host":"cca","emulated":false,"rim":1,"expected":{"met":1,"of":2},"last_exits":[["a"],3]})");
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->host, "cca");
    EXPECT_FALSE(facts->emulated);
    EXPECT_EQ(facts->rim, "");
    EXPECT_EQ(facts->met, 1U);
    EXPECT_EQ(facts->expected, 2U);
    EXPECT_THAT(facts->last_exits, ElementsAre(ElementsAre("a"), ElementsAre()));
    EXPECT_FALSE(read_report("nonsense"));
}

TEST(SuiteJob, Commands_ComeBack) {
    const std::vector<CaseCommand> commands = {
        {{"run", "/job/a b.cfg", "--send=\xff"}, std::chrono::milliseconds(1500)},
        {{"run"}, std::chrono::nanoseconds(1)}};
    const auto read = read_job(write_job(commands));
    ASSERT_TRUE(read);
    EXPECT_THAT((*read)[0].arguments, ElementsAre("run", "/job/a b.cfg", "--send=\xef\xbf\xbd"));
    EXPECT_EQ((*read)[0].limit, std::chrono::milliseconds(1500));
    EXPECT_EQ((*read)[1].limit, std::chrono::milliseconds(1));
    for (const char* wrong : {"", "{}", "{\"cases\":1}", "{\"cases\":[{\"arguments\":[1]}]}"})
        EXPECT_FALSE(read_job(wrong)) << wrong;
}

TEST(SuiteCommand, Case_IsARunOfItsImage) {
    const auto spec = TestSpec::parse(R"(
image = "-x.cfg"
host = "emulated"
set = ["machine.vcpus=2"]
timeout = "1s"
expect = [{ regex = "[a]", send = "\n" }, "b"]
fail_on = "c"
end_when_met = true
)",
                                      "my.test.toml");
    ASSERT_TRUE(spec);
    const auto cases = make_cases(std::make_shared<const TestSpec>(*spec), "my");
    const CaseCommand command = local_command(cases[0], "p.toml");
    EXPECT_EQ(command.limit, std::chrono::seconds(1));
    EXPECT_THAT(command.arguments,
                ElementsAre("run", "./-x.cfg", "--host=emulated", "--set=machine.vcpus=2",
                            "--profiles=p.toml", "--timeout=1.000000000", "--expect=[a]",
                            "--send=\\n", "--expect=b", "--fail-on=c", "--end-when-met"));
    EXPECT_THAT(
        lab_command(*spec, "/job/i.cfg", "cca", "").arguments,
        ElementsAre("run", "/job/i.cfg", "--inside-lab", "--host=cca", "--timeout=1.000000000",
                    "--expect=[a]", "--send=\\n", "--expect=b", "--fail-on=c", "--end-when-met"));
}

}  // namespace
}  // namespace rvmm::vmm::suite
