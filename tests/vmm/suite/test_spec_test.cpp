// What a .test.toml may say, what is refused and how, and the cases that come of it.
#include "vmm/suite/test_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm/suite/test_case.hpp"

namespace rvmm::vmm::suite {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TestSpec parsed(std::string_view text) {
    auto spec = TestSpec::parse(text, "t/hello.test.toml");
    EXPECT_TRUE(spec) << (spec ? "" : spec.error().message());
    return spec ? *std::move(spec) : TestSpec();
}

std::string refused(std::string_view text) {
    const auto spec = TestSpec::parse(text, "t/hello.test.toml");
    if (spec) return "(taken)";
    EXPECT_EQ(spec.error().stage(), Stage::kConfig);
    return spec.error().message();
}

std::vector<std::string> case_names(std::string_view text) {
    const auto spec = std::make_shared<const TestSpec>(parsed(text));
    std::vector<std::string> names;
    for (const TestCase& one : make_cases(spec, "hello")) names.push_back(one.name());
    EXPECT_EQ(names.size(), spec->variations());
    return names;
}

TEST(TestSpec, ImageAlone_HasDefaults) {
    const TestSpec spec = parsed("image = \"hello.cfg\"");
    EXPECT_EQ(spec.image, "t/hello.cfg");
    EXPECT_EQ(spec.timeout, 120s);
    EXPECT_FALSE(spec.host);
    EXPECT_FALSE(spec.boot_timeout);
    EXPECT_EQ(spec.exit_code, 0);
    EXPECT_EQ(spec.variations(), 1U);
}

TEST(TestSpec, EveryKey_IsTaken) {
    const TestSpec spec = parsed(R"(
image = "/images/hello.cfg"
host = "emulated"
set = ["machine.vcpus=2", "boot.kernel=other", "disk.0.path='d.img'"]
timeout = "1m"
boot_timeout = 1.5
expect = ["login: ", { regex = "# ", send = "make\u0000\n" }]
fail_on = "BUG:"
exit_code = 3
expect_rim = "AA00000000000000000000000000000000000000000000000000000000000000"
)");
    EXPECT_EQ(spec.image, "/images/hello.cfg");
    EXPECT_EQ(spec.host, RunsOn::kEmulated);
    EXPECT_THAT(spec.settings, ElementsAre("machine.vcpus=2", "boot.kernel=\"t/other\"",
                                           "disk.0.path=\"t/d.img\""));
    EXPECT_EQ(spec.timeout, 60s);
    EXPECT_EQ(spec.boot_timeout, 1500ms);
    EXPECT_THAT(spec.expect, ElementsAre(TestExpectation{"login: "},
                                         TestExpectation{"# ", std::string("make\0\n", 6)}));
    EXPECT_THAT(spec.fail_on, ElementsAre("BUG:"));
    EXPECT_EQ(spec.exit_code, 3);
    EXPECT_EQ(spec.expect_rim.substr(0, 4), "aa00");
}

TEST(TestSpec, Mistakes_AreNamedWithLineAndNearestKey) {
    const std::string image = "image = \"a\"\n";
    const std::vector<std::pair<std::string, std::string>> mistakes = {
        {"",
         "t/hello.test.toml: image is missing: it must be the path of a config "
         "(docs/image-cfg.md)"},
        {image + "fail-on = \"x\"",
         "t/hello.test.toml:2:1: unknown key fail-on; did you mean fail_on?"},
        {image + "[machine]\nvcpus = 1",
         "t/hello.test.toml:2:2: unknown key machine; the keys are vary, image, host, set, "
         "timeout, "
         "boot_timeout, expect, fail_on, end_when_met, exit_code, expect_rim"},
        {image + "machine.vcpus = 1",
         "t/hello.test.toml:2:1: unknown key machine; the keys are vary, image, host, set, "
         "timeout, "
         "boot_timeout, expect, fail_on, end_when_met, exit_code, expect_rim"},
        {image + "host = \"any\"",
         "t/hello.test.toml:2:8: host must be \"cca\", \"emulated\", \"lab\" or \"vm\", not "
         "\"any\""},
        {image + "set = [\"machine.vcpu=1\"]",
         "t/hello.test.toml:2:7: set: unknown key machine.vcpu; did you mean machine.vcpus?"},
        {image + "set = [\"machine\"]",
         "t/hello.test.toml:2:7: set: expected table.key=value, such as \"machine.memory=1G\""},
        {image + "set = [\"disk.path=a\"]",
         "t/hello.test.toml:2:7: set: a key of [[disk]] is named disk.0.key"},
        {image + "timeout = \"soon\"",
         "t/hello.test.toml:2:11: timeout must be a time such as \"30s\", \"500ms\" or \"5m\", or "
         "seconds, not \"soon\""},
        {image + "expect = [\"a\", \"(\"]", "t/hello.test.toml:2:16: expect (: missing ): ("},
        {image + "expect = [{ send = \"a\" }]", "t/hello.test.toml:2:11: expect: it has no regex"},
        {image + "expect = [{ regex = \"a\", sent = \"b\" }]",
         "t/hello.test.toml:2:26: unknown key sent of an expectation; it has regex and send"},
        {image + "fail_on = [\"a\\u0000\"]",
         "t/hello.test.toml:2:11: fail_on must be an array of up to 256 regular expressions, not "
         "an "
         "array"},
        {image + "end_when_met = true", "t/hello.test.toml:2:16: end_when_met needs an expect"},
        {image + "exit_code = 76",
         "t/hello.test.toml:2:13: exit_code must be how a guest ends: 0 to 63, 80 (reset), 81 "
         "(panic) or 124 (time limit), not 76"},
        {image + "exit_code = 81\nfail_on = \"x\"",
         "t/hello.test.toml:2:13: a run that fail_on ends has that exit_code too: one of them "
         "alone"},
        {image + "expect_rim = \"12\"",
         "t/hello.test.toml:2:14: expect_rim must be 64, 96 or 128 hex digits, not \"12\""},
        {image + "vary = 1", "t/hello.test.toml:2:1: vary must be a table, [vary], not 1"},
        {image + "[vary]\nvcpu = [1]",
         "t/hello.test.toml:3:1: unknown key vary.vcpu; did you mean vcpus?"},
        {image + "[vary]\n\"realm.hsh\" = [1]",
         "t/hello.test.toml:3:1: unknown key vary.realm.hsh; did you mean \"realm.hash\"?"},
        {image + "[vary]\nrealm.hash = [\"sha256\"]",
         "t/hello.test.toml:3:1: a key of the config needs quotes here: \"realm.key\" = [...]"},
        {image + "[vary]\nvcpus = 1",
         "t/hello.test.toml:3:9: vary.vcpus must be an array of 1 to 1000 values, not 1"},
        {image + "[vary]\nvcpus = [1, 2, 1]", "t/hello.test.toml:3:16: 1 is there twice"},
        {image + "[vary]\nvcpus = [1]\n\"machine.vcpus\" = [2]",
         "t/hello.test.toml:4:1: vary.vcpus and vary.machine.vcpus are the same key"},
        {image + "host = \"lab\"\n[vary]\nhost = [\"lab\"]",
         "t/hello.test.toml:4:1: host and vary.host cannot both be given"},
        {image + "[vary]\nhost = [\"qemu\"]",
         "t/hello.test.toml:3:9: a host is \"cca\", \"emulated\", \"lab\" or \"vm\", not "
         "\"qemu\""},
        {image + "[vary]\nvcpus = [1.5]", "t/hello.test.toml:3:10: no key takes 1.5"},
    };
    for (const auto& [text, message] : mistakes) EXPECT_EQ(refused(text), message) << text;
}

TEST(TestSpec, TooManyCases_AreRefused) {
    std::string text = "image = \"a\"\n[vary]\n";
    for (const char* key : {"vcpus", "memory", "\"boot.cmdline\""}) {
        text += fmt::format("{} = [1", key);
        for (int i = 2; i <= 100; ++i) text += fmt::format(", {}", i);
        text += "]\n";
    }
    EXPECT_EQ(refused(text), "t/hello.test.toml:5:1: more than 10000 cases");
}

TEST(TestCases, Variations_AreTheProduct) {
    EXPECT_THAT(case_names("image = \"a\""), ElementsAre("hello"));
    EXPECT_THAT(case_names("image = \"a\"\n[vary]\nvcpus = [1, 4]\nmemory = [\"64M\", 134217728]\n"
                           "\"boot.cmdline\" = [\"\"]"),
                ElementsAre("hello/vcpus=1,memory=64M,boot.cmdline=",
                            "hello/vcpus=1,memory=134217728,boot.cmdline=",
                            "hello/vcpus=4,memory=64M,boot.cmdline=",
                            "hello/vcpus=4,memory=134217728,boot.cmdline="));
}

TEST(TestCases, ValuesOfKeys_AreSettings) {
    const auto spec = std::make_shared<const TestSpec>(parsed(R"(
image = "a"
set = ["machine.rtc=true"]
[vary]
host = ["cca", "vm"]
"host.allow" = [["cca", "lab"]]
"boot.initrd" = ["r \"1\".cpio"]
profile = ["emulated"]
)"));
    const auto cases = make_cases(spec, "s");
    ASSERT_EQ(cases.size(), 2U);
    EXPECT_EQ(cases[0].host, RunsOn::kCca);
    EXPECT_EQ(cases[1].host, RunsOn::kLocalVm);
    EXPECT_THAT(cases[1].settings,
                ElementsAre("machine.rtc=true", "host.allow=[\"cca\", \"lab\"]",
                            "boot.initrd=\"t/r \\\"1\\\".cpio\"", "realm.profile=\"emulated\""));
}

}  // namespace
}  // namespace rvmm::vmm::suite
