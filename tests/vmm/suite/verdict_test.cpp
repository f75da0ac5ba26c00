// What passes, what does not, and how that is said as TAP and as JUnit's XML.
#include "vmm/suite/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm/suite/junit.hpp"
#include "vmm/suite/tap.hpp"

namespace rvmm::vmm::suite {
namespace {

using Kind = CaseResult::Kind;

constexpr const char* kGood =
    R"({"host":"emulated","emulated":true,"rim":"aa","exit_code":0,"expected":{"met":1,"of":1}})";

TestSpec spec_of(std::string_view text) {
    return *TestSpec::parse("image = \"i.cfg\"\nexpect = \"up\"\n" + std::string(text),
                            "t/hello.test.toml");
}

/// "passed", or the kind and why.
std::string judged(std::string_view spec, CaseRun run, const Wanted& wanted = {"emulated"}) {
    const CaseResult result = judge(spec_of(spec), std::move(run), wanted);
    switch (result.kind) {
        case Kind::kPassed:
            return "passed" + result.why;
        case Kind::kFailed:
            return "failed: " + result.why;
        case Kind::kError:
            return "error: " + result.why;
        default:
            return "?";
    }
}

TEST(Verdict, AsExpected_Passes) {
    EXPECT_EQ(judged("", {.report = kGood}), "passed");
    EXPECT_EQ(judged("", {.report = kGood}, {"emulated", true, "aa"}), "passed");
    const char* three = R"({"host":"emulated","exit_code":3,"expected":{"met":1,"of":1}})";
    EXPECT_EQ(judged("exit_code = 3", {.exit_code = 3, .report = three}), "passed");
}

TEST(Verdict, ReportOfAnotherEnd_Fails) {
    const char* failed = R"({"host":"emulated","exit_code":71,"expected":{"met":1,"of":1}})";
    EXPECT_EQ(judged("", {.exit_code = 0, .report = failed}),
              "failed: the process ended with exit code 0, and its report says 71 (the launch "
              "failed, or not all was said that is expected)");
    for (const char* none : {R"({"host":"emulated","expected":{"met":1,"of":1}})",
                             R"({"host":"emulated","exit_code":-1})"})
        EXPECT_EQ(judged("", {.report = none}),
                  "failed: the process ended with exit code 0, and its report says none");
}

TEST(Verdict, OtherEnd_Fails) {
    EXPECT_EQ(judged("", {.exit_code = 3, .report = kGood}),
              "failed: exit code 3 (the guest's own status), expected 0 (shutdown)");
    EXPECT_EQ(judged("exit_code = 81",
                     {.exit_code = 124, .report = R"({"host":"emulated","detail":"late\n"})"}),
              "failed: exit code 124 (time limit), expected 81 (panic): late\\n");
    EXPECT_EQ(judged("", {.exit_code = 143, .report = kGood}),
              "failed: exit code 143 (ended by SIGTERM), expected 0 (shutdown)");
}

TEST(Verdict, OtherHost_FailsWhateverElse) {
    EXPECT_EQ(judged("", {.report = kGood}, {"cca", false}),
              "failed: it ran on host emulated, not on cca");
    EXPECT_EQ(judged("", {.report = R"({"host":"cca","emulated":true})"}, {"cca", false}),
              "failed: it was emulated, and host cca is asked for");
    EXPECT_EQ(judged("", {.report = "{}"}), "failed: it ran on host , not on emulated");
}

TEST(Verdict, OtherRim_Fails) {
    EXPECT_EQ(judged("", {.report = kGood}, {"emulated", true, "bb"}),
              "failed: it measured to aa, not to bb");
}

TEST(Verdict, UnmetBesideAStatus_Fails) {
    const char* unmet = R"({"host":"emulated","exit_code":3,"expected":{"met":0,"of":1}})";
    EXPECT_EQ(judged("exit_code = 3", {.exit_code = 3, .report = unmet}),
              "failed: the console said 0 of the 1 that it is expected to say");
    // A report that says nothing of it is no better.
    EXPECT_EQ(judged("", {.report = R"({"host":"emulated","exit_code":0})"}),
              "failed: the console said 0 of the 1 that it is expected to say");
}

TEST(Verdict, NoReport_IsAnError) {
    EXPECT_EQ(judged("", {.exit_code = 0}), "error: exit code 0 (shutdown), and no report");
    EXPECT_EQ(
        judged("", {.exit_code = 69,
                    .messages = {"rvmm: error: this machine cannot", "rvmm: hint: buy another"}}),
        "error: exit code 69 (this machine cannot), and no report: this machine cannot");
    EXPECT_EQ(judged("", {.exit_code = 137, .error = "it went on", .report = kGood}),
              "error: it went on");
}

TEST(Verdict, OtherMeasurement_FailsHereAsInALab) {
    EXPECT_EQ(judged("", {.exit_code = 76, .messages = {"rvmm: error: it measures to bb"}}),
              "failed: exit code 76 (measurement refused), and no report: it measures to bb");
    const CaseResult result = not_launched({Stage::kMeasurement, "it measures to bb"});
    EXPECT_EQ(result.kind, Kind::kFailed);
    EXPECT_EQ(result.run.exit_code, 76);
}

TEST(Verdict, NotLaunched_KeepsTheHint) {
    const CaseResult result =
        not_launched(Error(Stage::kHostCannot, "no KVM\n").with_advice("buy\tit"));
    EXPECT_EQ(result.kind, Kind::kError);
    EXPECT_EQ(result.why, "no KVM\\n");
    EXPECT_EQ(result.run.exit_code, 69);
    EXPECT_THAT(result.run.messages, testing::ElementsAre("hint: buy\\t"
                                                          "it"));
    EXPECT_THAT(not_launched({Stage::kImage, "none"}).run.messages, testing::IsEmpty());
}

TestCase case_of(std::string variation) {
    TestCase one{.suite = "a/hello",
                 .variation = std::move(variation),
                 .spec = std::make_shared<const TestSpec>(spec_of("")),
                 .host = RunsOn::kLab};
    return one;
}

CaseResult failed() {
    return {Kind::kFailed,
            "exit code 3, \"bad\"",
            {.exit_code = 3,
             .report = R"({"host":"lab","last_exits":[["mmio & <x>"],[]]})",
             .console = {"hello: ok", "]]>\\x1b \xc3\xa4"},
             .messages = {"rvmm: warning: w"},
             .milliseconds = 1234,
             .peak_memory = 5,
             .free_memory = 6}};
}

TEST(TapOutput, Results_AreTap14) {
    EXPECT_EQ(tap_plan(3), "TAP version 14\n1..3\n");
    EXPECT_EQ(tap_point(1, case_of("vcpus=1"), {Kind::kPassed, {}, {.milliseconds = 7}}),
              "ok 1 - a/hello/vcpus=1 # time=7ms\n");
    EXPECT_EQ(tap_point(2, case_of("x=#\\\n"), {Kind::kSkipped, "it is #1", {}}),
              "ok 2 - a/hello/x=\\#\\\\  # SKIP it is \\#1\n");
    EXPECT_EQ(tap_point(3, case_of(""), failed()),
              "not ok 3 - a/hello # time=1234ms\n"
              "  ---\n"
              "  message: \"exit code 3, \\\"bad\\\"\"\n"
              "  test: \"t/hello.test.toml\"\n"
              "  host: lab\n"
              "  exit_code: 3\n"
              "  expected_exit_code: 0\n"
              "  messages:\n"
              "    - \"rvmm: warning: w\"\n"
              "  console:\n"
              "    - \"hello: ok\"\n"
              "    - \"]]>\\\\x1b \\u00e4\"\n"
              "  last_exits_0:\n"
              "    - \"mmio & <x>\"\n"
              "  report: {\"host\":\"lab\",\"last_exits\":[[\"mmio & <x>\"],[]]}\n"
              "  ...\n");
    CaseResult odd = failed();
    odd.run.report = "{\"z\":1,\"detail\":\"\xe2\x80\xa8 \xc2\x85\"}";
    EXPECT_THAT(tap_point(1, case_of(""), odd),
                testing::HasSubstr("  report: {\"z\":1,\"detail\":\"\\u2028 \\u0085\"}\n"));
    EXPECT_EQ(tap_bail_out("ended by SIGINT"), "Bail out! ended by SIGINT\n");
}

TEST(JunitOutput, Document_IsJUnit) {
    const std::vector<JunitCase> cases = {
        {.suite = "a", .name = "one", .seconds = 1.5, .properties = {{"host", "lab"}}},
        {.suite = "b", .name = "two", .kind = JunitCase::Kind::kSkipped, .why = "not \"now\""},
        {.suite = "a",
         .name = "x<1>",
         .kind = JunitCase::Kind::kFailure,
         .why = "it & it",
         .details = "last\n",
         .output = "]]>\n",
         .seconds = 0.25},
        {.suite = "b", .name = "four", .kind = JunitCase::Kind::kError, .why = "no"},
    };
    EXPECT_EQ(
        junit_document(cases),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuites name=\"rvmm\" tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" "
        "time=\"1.750\">\n"
        "  <testsuite name=\"a\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" "
        "time=\"1.750\">\n"
        "    <testcase classname=\"a\" name=\"one\" time=\"1.500\">\n"
        "      <properties>\n"
        "        <property name=\"host\" value=\"lab\"/>\n"
        "      </properties>\n"
        "    </testcase>\n"
        "    <testcase classname=\"a\" name=\"x&lt;1&gt;\" time=\"0.250\">\n"
        "      <failure message=\"it &amp; it\" type=\"failure\">it &amp; it\nlast\n</failure>\n"
        "      <system-out>]]&gt;\n</system-out>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "  <testsuite name=\"b\" tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\" "
        "time=\"0.000\">\n"
        "    <testcase classname=\"b\" name=\"two\" time=\"0.000\">\n"
        "      <skipped message=\"not &quot;now&quot;\"/>\n"
        "    </testcase>\n"
        "    <testcase classname=\"b\" name=\"four\" time=\"0.000\">\n"
        "      <error message=\"no\" type=\"error\">no\n</error>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n");
}

TEST(JunitOutput, TextThatXmlCannotCarry_IsEscaped) {
    EXPECT_EQ(xml_text("a\x01\r\x7f\tb\n"), "a\\x01\\x0d\\x7f\tb\n");
    EXPECT_EQ(xml_text("\xff<\xc3\xa4>\xc3"), "\\xff&lt;\xc3\xa4&gt;\\xc3");
    EXPECT_EQ(xml_text("\xef\xbf\xbe\xef\xbf\xbd\xef\xbf\xbf"), "\\ufffe\xef\xbf\xbd\\uffff");
    EXPECT_EQ(xml_text(std::string_view("\0", 1)), "\\x00");
}

TEST(JunitOutput, Run_IsOneCase) {
    EXPECT_THAT(junit_of_run({.config = "d/hello.cfg", .seconds = 2}),
                testing::HasSubstr("    <testcase classname=\"rvmm.run\" name=\"hello\" "
                                   "time=\"2.000\"/>\n"));
    const std::string failure =
        junit_of_run({.config = "hello.cfg",
                      .exit_code = 81,
                      .report = R"({"detail":"oops","console_tail":["last","words"]})"});
    EXPECT_THAT(failure, testing::HasSubstr("<failure message=\"exit code 81 (panic): oops\""));
    EXPECT_THAT(failure, testing::HasSubstr("<system-out>last\nwords\n</system-out>"));
    EXPECT_THAT(junit_of_run({.config = "hello.cfg", .exit_code = 143}),
                testing::HasSubstr("<error message=\"exit code 143 (ended by SIGTERM)\""));
    EXPECT_THAT(junit_of_run({.config = "hello.cfg", .exit_code = 65, .error = "hello.cfg:1: no"}),
                testing::HasSubstr("<error message=\"hello.cfg:1: no\""));
}

}  // namespace
}  // namespace rvmm::vmm::suite
