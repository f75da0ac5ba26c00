// guest-images/linux.cfg, the stock kernel, on each revision's fake: four vCPUs, what Linux does to
// its memory at boot, a clean end, and the RIM that `rvmm measure` says.
#include <gtest/gtest.h>

#include "realm/plan/fold.hpp"
#include "vmm/cca/realm_runner.hpp"

namespace rvmm::vmm::cca {
namespace {

class LinuxImage : public ::testing::TestWithParam<Revision> {};
INSTANTIATE_TEST_SUITE_P(Revisions, LinuxImage,
                         ::testing::Values(Revision::kV10, Revision::kV12, Revision::kV13,
                                           Revision::kV14, Revision::kV15),
                         [](const auto& named) { return std::string(traits(named.param).name); });

realm::LaunchPlan linux_plan(Revision revision) {
    realm::ConfigOptions options;
    options.overrides = {"machine.vcpus=4", "realm.profile=" + profile_of(revision)};
    auto spec = realm::load_config(RVMM_TEST_GUESTS "/linux.cfg", options);
    EXPECT_TRUE(spec) << spec.error().message();
    auto plan = realm::LaunchPlan::create(*std::move(spec));
    EXPECT_TRUE(plan) << plan.error().message();
    return *std::move(plan);
}

TEST_P(LinuxImage, Launch_RunsAndMeasuresAsPredicted) {
    const auto realm = linux_plan(GetParam());
    const IpaRange ram = realm.board().ram;
    const std::uint64_t pool = ram.top().value - 64 * kMib;  // the bounce buffers
    FakeKvm fake(host_of(GetParam()));
    std::vector<FakeKvm::Step> boot = {change_ripas(ram, true), touch_private(ram.base().value),
                                       change_ripas(range(pool, 16 * kMib), false),
                                       type_letter('L')};
    for (std::uint32_t i = 1; i < 4; ++i) boot.push_back(cpu_on(i, ram.base().value, 0));
    // Coherent memory of drivers: single pages, one after the other.
    for (std::uint64_t page = 0; page < 64; ++page) {
        boot.push_back(change_ripas(range(pool - kMib - page * 8192, 4096), false));
        boot.push_back(touch_shared(pool - kMib - page * 8192));
    }
    for (std::uint64_t page = 0; page < 32; ++page)
        boot.push_back(change_ripas(range(pool - kMib - page * 16384, 4096), true));
    boot.push_back(type_letter('x'));
    boot.push_back(system_off());
    fake.script(0, std::move(boot));
    const RealmRun run = run_realm(realm, fake);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.console, "Lx");
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_EQ(fake.rim(), realm::fold_rim(realm).value());
    EXPECT_EQ(run.report->counters.conversions, 1u + 64 + 32);
    EXPECT_EQ(fake.open_descriptors(), 0u);
    EXPECT_EQ(fake.kernel_warnings(), 0);
}

}  // namespace
}  // namespace rvmm::vmm::cca
