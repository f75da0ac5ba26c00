// Every KVM call of a launch, by revision, against text that a reviewer reads:
// tests/data/kvm-traces/. Where they differ the test leaves what it saw beside the tests' build.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "vmm/cca/realm_runner.hpp"
#include "vmm/kvm/recording_driver.hpp"

namespace rvmm::vmm::cca {
namespace {

class RealmTrace : public ::testing::TestWithParam<Revision> {};
INSTANTIATE_TEST_SUITE_P(Revisions, RealmTrace,
                         ::testing::Values(Revision::kV10, Revision::kV12, Revision::kV13,
                                           Revision::kV14, Revision::kV15),
                         [](const auto& named) { return std::string(traits(named.param).name); });

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST_P(RealmTrace, Launch_IsAsReviewed) {
    const std::string name(traits(GetParam()).name);
    const TestImages images;
    const auto realm = images.plan(profile_of(GetParam()), 2, [](realm::RealmSpec& spec) {
        spec.realm->sve_vl = 256;
        spec.realm->watchpoints = 3;
    });
    FakeKvm fake(host_of(GetParam()));
    std::string seen;
    kvm::RecordingDriver recording(fake, [&](std::string_view line) {
        // vCPU 1 is never started; whether it entered before the end is a matter of luck.
        if (line.starts_with("vcpu1 RUN")) return;
        seen.append(line);
        seen += '\n';
    });
    std::vector<FakeKvm::Step> steps = {
        change_ripas(*IpaRange::make(Ipa{kTestRam}, 64ULL << 20), true), touch_private(kTestRam)};
    for (FakeKvm::Step& step : print_by_host_call(kTestRam + 0x20'0000, "hi"))
        steps.push_back(std::move(step));
    steps.push_back(change_ripas(*IpaRange::make(Ipa{kTestRam + 0x20'0000}, 4096), true));
    steps.push_back(type_letter('x'));
    steps.push_back(system_off());
    fake.script(0, std::move(steps));
    const RealmRun run = run_realm(realm, recording);
    ASSERT_TRUE(run.report) << run.report.error().message();
    ASSERT_EQ(run.console, "hix");

    const std::string expected =
        text_of(std::string(RVMM_TEST_DATA) + "/kvm-traces/" + name + ".txt");
    const std::string left = std::string(RVMM_TEST_OUTPUT) + "/kvm-trace-" + name + ".txt";
    std::ofstream(left) << seen;
    EXPECT_EQ(seen, expected) << "what was seen is in " << left;
}

}  // namespace
}  // namespace rvmm::vmm::cca
