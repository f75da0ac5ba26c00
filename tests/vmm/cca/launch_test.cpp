// Whole launches on fakes of all revisions: what is built, in which order, what it measures to, and
// what happens when any call of it fails.
#include "vmm/cca/launch.hpp"

#include <cerrno>
#include <semaphore>
#include <thread>

#include <gtest/gtest.h>

#include "realm/plan/fold.hpp"
#include "vmm/cca/realm_runner.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::cca {
namespace {

constexpr std::uint64_t kPage = kTestRam + 0x20'0000;

void append(std::vector<FakeKvm::Step>& to, std::vector<FakeKvm::Step> steps) {
    for (FakeKvm::Step& step : steps) to.push_back(std::move(step));
}

/// What Linux does in a few steps: says that its memory is RAM, starts CPUs, shares memory for I/O,
/// takes some of it back, prints, shuts down.
void script_a_boot(FakeKvm& fake, std::uint32_t vcpus) {
    std::vector<FakeKvm::Step> boot = {change_ripas(range(kTestRam, 64 * kMib), true),
                                       touch_private(kTestRam), type_letter('a')};
    for (std::uint32_t i = 1; i < vcpus; ++i) boot.push_back(cpu_on(i, kTestRam + 0x8'0000, i));
    append(boot, print_by_host_call(kPage, "shared "));
    append(boot, {change_ripas(range(kTestRam + 16 * kMib, 8 * kMib), false),
                  touch_shared(kTestRam + 17 * kMib),
                  change_ripas(range(kTestRam + 18 * kMib, 4096), true),
                  touch_private(kTestRam + 18 * kMib), interrupted()});
    append(boot, mmio_read_sees(kTestUart + 5, 1, 0x60));
    append(boot, {type_letter('z'), system_off()});
    fake.script(0, std::move(boot));
    for (std::uint32_t i = 1; i < vcpus; ++i)
        fake.script(i, {touch_private(kTestRam + (32 + i) * kMib)});
}

class RealmLaunch : public ::testing::TestWithParam<Revision> {
  protected:
    Revision revision() const { return GetParam(); }
    realm::LaunchPlan plan(std::uint32_t vcpus = 1,
                           const std::function<void(realm::RealmSpec&)>& change = {}) const {
        return images_.plan(profile_of(revision()), vcpus, change);
    }
    TestImages images_;
};

INSTANTIATE_TEST_SUITE_P(Revisions, RealmLaunch,
                         ::testing::Values(Revision::kV10, Revision::kV12, Revision::kV13,
                                           Revision::kV14, Revision::kV15),
                         [](const auto& named) { return std::string(traits(named.param).name); });

TEST_P(RealmLaunch, Boot_RunsToItsEndAndMeasuresAsPredicted) {
    const auto realm = plan(4);
    FakeKvm fake(host_of(revision()));
    script_a_boot(fake, 4);
    const RealmRun run = run_realm(realm, fake);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.console, "ashared z");
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_EQ(fake.rim(), realm::fold_rim(realm).value());
    EXPECT_EQ(run.report->counters.conversions, 3u);
    EXPECT_EQ(run.report->counters.converted_bytes, 8 * kMib + 2 * 4096);
    EXPECT_TRUE(fake.is_shared(range(kPage, 4096)));
    EXPECT_TRUE(fake.is_private(range(kTestRam + 18 * kMib, 4096)));
    EXPECT_EQ(fake.open_descriptors(), 0u);
    EXPECT_EQ(fake.kernel_warnings(), 0);
    EXPECT_EQ(fake.refusals(), std::vector<std::string>{});
    EXPECT_EQ(fake.violations(), std::vector<std::string>{});
}

TEST_P(RealmLaunch, Parameters_AreSetWhereTheyCanBe) {
    const bool sets_all = revision() == Revision::kV10;
    const bool sets_pmu = traits(revision()).sets_pmu;
    const auto realm = plan(2, [&](realm::RealmSpec& spec) {
        spec.realm->sve_vl = 256;
        spec.realm->watchpoints = 2;
        spec.realm->ipa_bits = 36;
        if (sets_pmu) spec.realm->pmu_counters = 4;
        if (sets_all) spec.realm->hash = measure::Hash::kSha512;
        if (sets_all) spec.realm->personalization.fill(std::byte{7});
    });
    FakeKvm fake(host_of(revision()));
    fake.script(0, {type_letter('x'), system_off()});
    const RealmRun run = run_realm(realm, fake);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.console, "x");
    EXPECT_EQ(fake.rim(), realm::fold_rim(realm).value());
    EXPECT_EQ(fake.kernel_warnings(), 0);
}

struct Refused {
    const char* name;
    std::function<void(realm::RealmSpec&)> change;
    const char* says;
};

TEST_P(RealmLaunch, WhatTheHostCannotBe_IsRefusedBeforeAnythingIsBuilt) {
    const std::vector<Refused> cases = {
        {"breakpoints", [](realm::RealmSpec& spec) { spec.realm->breakpoints = 4; },
         "have 6 breakpoints, the plan is measured with 4"},
        {"watchpoints", [](realm::RealmSpec& spec) { spec.realm->watchpoints = 9; },
         "at most 4 watchpoints, 9 are asked for"},
        {"sve", [](realm::RealmSpec& spec) { spec.realm->sve_vl = 384; },
         "no SVE vectors of 384 bits, but 128 to 256"},
        {"ipa", [](realm::RealmSpec& spec) { spec.realm->ipa_bits = 47; },
         "at most 44 IPA bits, 47 are asked for"},
    };
    for (const Refused& refused : cases) {
        FakeOptions options = host_of(revision());
        options.sve_vqs = 3;
        options.rmm_ipa_bits = 44;
        FakeKvm fake(options);
        const RealmRun run = run_realm(plan(4, refused.change), fake);
        ASSERT_FALSE(run.report) << refused.name;
        EXPECT_EQ(run.report.error().stage(), Stage::kHostCannot) << refused.name;
        EXPECT_NE(run.report.error().message().find(refused.says), std::string::npos)
            << run.report.error().message();
        EXPECT_FALSE(run.report.error().advice().empty());
        EXPECT_EQ(fake.calls_of(kvm::abi::kSetMemoryAttributes), 0);
        EXPECT_EQ(fake.open_descriptors(), 0u);
        EXPECT_EQ(fake.kernel_warnings(), 0) << refused.name;
    }
}

TEST_P(RealmLaunch, OtherHostsProfile_IsRefused) {
    const auto realm = images_.plan(revision() == Revision::kV14 ? "kvm-v12" : "kvm-v14");
    FakeKvm fake(host_of(revision()));
    const RealmRun run = run_realm(realm, fake);
    ASSERT_FALSE(run.report);
    EXPECT_EQ(run.report.error().stage(), Stage::kHostCannot);
    EXPECT_NE(run.report.error().message().find("is not this host's, which is"), std::string::npos);
    EXPECT_EQ(fake.kernel_warnings(), 0);
}

TEST_P(RealmLaunch, PartialProgressAndSignals_ArePopulatedThrough) {
    if (revision() == Revision::kV10) return;  // its POPULATE does all or nothing
    FakeOptions options = host_of(revision());
    options.populate_progress = {0, 1, 0, 0, 1};
    options.populate_pages = 2;
    FakeKvm fake(options);
    fake.script(0, {system_off()});
    const auto realm = plan();
    const RealmRun run = run_realm(realm, fake);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(fake.rim(), realm::fold_rim(realm).value());
}

TEST_P(RealmLaunch, NoProgress_IsAnErrorThatSaysWhere) {
    if (revision() == Revision::kV10) return;
    FakeOptions options = host_of(revision());
    options.populate_progress = {1};
    options.populate_progress.resize(5000, 0);
    FakeKvm fake(options);
    const RealmRun run = run_realm(plan(), fake);
    ASSERT_FALSE(run.report);
    EXPECT_EQ(run.report.error().stage(), Stage::kLaunch);
    const std::string& message = run.report.error().message();
    EXPECT_NE(message.find("populating kernel stopped at page 2 of 2, at 0x80081000"),
              std::string::npos)
        << message;
    EXPECT_EQ(fake.open_descriptors(), 0u);
}

TEST(Holdings_, ThreadsThatWereJoined_AreNotCounted) {
    std::thread([] {}).join();  // a sanitizer starts its own with the first
    const Holdings before = Holdings::now();
    for (int i = 0; i < 100; ++i) {
        std::binary_semaphore over(0);
        std::thread thread([&] { over.acquire(); });
        EXPECT_EQ(Holdings::now().threads, before.threads + 1);
        over.release();
        thread.join();
        EXPECT_EQ(Holdings::now(), before);
    }
}

// Any single failing call ends the launch with an error or the run with a panic, and leaves nothing
// behind.
TEST_P(RealmLaunch, EveryFailingCall_IsHandled) {
    const auto realm = plan(2);
    {  // before anything is counted: a sanitizer starts its own thread with the first of a process
        FakeKvm fake(host_of(revision()));
        fake.script(0, {system_off()});
        ASSERT_TRUE(run_realm(realm, fake).report);
    }
    bool injected = true;
    int failures = 0;
    for (int n = 0; injected; ++n) {
        const Holdings before = Holdings::now();
        {
            FakeKvm fake(host_of(revision()));
            fake.set_strict(false);
            fake.fail_call(n, ENOMEM);
            std::vector<FakeKvm::Step> steps = {change_ripas(range(kTestRam, 64 * kMib), true)};
            append(steps, print_by_host_call(kPage, "x"));
            append(steps, {change_ripas(range(kPage, 4096), true), system_off()});
            fake.script(0, std::move(steps));
            const RealmRun run = run_realm(realm, fake);
            EXPECT_EQ(fake.open_descriptors(), 0u) << "call " << n;
            injected = n < fake.calls();
            const bool well =
                run.report && run.report->outcome.exit_code() == 0 && run.console == "x";
            if (!injected) {
                EXPECT_TRUE(well);
            }
            failures += well ? 0 : 1;
            if (!run.report) {
                EXPECT_FALSE(run.report.error().message().empty());
                const Stage stage = run.report.error().stage();
                EXPECT_TRUE(stage == Stage::kLaunch || stage == Stage::kHostCannot)
                    << n << " " << run.report.error().message();
            } else if (!well) {
                EXPECT_EQ(run.report->outcome.exit_code(), 81) << n;
            }
        }
        EXPECT_EQ(before, Holdings::now()) << "call " << n;
    }
    EXPECT_GT(failures, 40);
}

TEST_P(RealmLaunch, RefusedPopulation_NamesStepPageAndCause) {
    FakeKvm fake(host_of(revision()));
    fake.set_strict(false);
    const bool commands = revision() == Revision::kV10;
    const auto request = commands                       ? kvm::abi::kEnableCap
                         : revision() == Revision::kV12 ? kvm::abi::kPopulateV12
                                                        : kvm::abi::kPopulateV13;
    // The first call that populates: before it come those that probe and, on v10, six commands.
    bool seen = false;
    for (int n = 0; n < 20 && !seen; ++n) {
        FakeKvm again(host_of(revision()));
        again.set_strict(false);
        again.fail_request(request, n, ENXIO);
        again.script(0, {system_off()});
        const RealmRun run = run_realm(plan(), again);
        if (run.report) continue;
        const std::string& message = run.report.error().message();
        if (message.find("populating") == std::string::npos) continue;
        seen = true;
        EXPECT_EQ(exit_code(run.report.error().stage()), ExitCode::kLaunch);
        EXPECT_NE(message.find("at page 1 of 2, at 0x80080000"), std::string::npos) << message;
        EXPECT_NE(message.find("No such device or address"), std::string::npos) << message;
        EXPECT_NE(run.report.error().advice().find("the RMM refused"), std::string::npos);
    }
    EXPECT_TRUE(seen);
}

TEST_P(RealmLaunch, DeadRealm_IsAPanicWithItsCause) {
    FakeKvm fake(host_of(revision()));
    fake.script(0, {type_letter('x'), die()});
    const RealmRun run = run_realm(plan(), fake);
    ASSERT_TRUE(run.report);
    EXPECT_EQ(run.report->outcome.exit_code(), 81);
    EXPECT_NE(run.report->outcome.detail.find("vCPU 0"), std::string::npos);
    EXPECT_NE(run.report->outcome.detail.find("does not own"), std::string::npos)
        << run.report->outcome.detail;
}

TEST_P(RealmLaunch, Reset_EndsTheRealm) {
    FakeKvm fake(host_of(revision()));
    fake.script(0, {system_reset()});
    const RealmRun run = run_realm(plan(), fake);
    ASSERT_TRUE(run.report);
    EXPECT_EQ(run.report->outcome.exit_code(), 80);
}

TEST_P(RealmLaunch, ShutdownOfOtherVcpus_IsNoError) {
    FakeKvm fake(host_of(revision()));
    fake.script(0, {cpu_on(1, kTestRam, 0), cpu_on(2, kTestRam, 0), type_letter('x'),
                    type_letter('y'), system_off()});
    // These leave and enter all the time.
    for (const std::uint32_t id : {1U, 2U})
        fake.script(id, std::vector<FakeKvm::Step>(20'000, mmio_read(kTestUart + 5, 1)));
    const RealmRun run = run_realm(plan(3), fake);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
}

TEST_P(RealmLaunch, ConversionStorm_IsServed) {
    constexpr int kConversions = 100'000;
    FakeKvm fake(host_of(revision()));
    std::vector<FakeKvm::Step> steps;
    steps.reserve(kConversions + 1);
    for (int i = 0; i < kConversions; ++i) {
        const std::uint64_t at =
            kTestRam + 4 * kMib + static_cast<std::uint64_t>(i / 2 % 64) * 8192;
        steps.push_back(change_ripas(range(at, 4096), i % 2 != 0));
    }
    steps.push_back(system_off());
    fake.script(0, std::move(steps));
    const RealmRun run = run_realm(plan(), fake);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_EQ(run.report->counters.conversions, static_cast<std::uint64_t>(kConversions));
}

TEST_P(RealmLaunch, RangesThatAreNoMemory_ArePassedOver) {
    FakeKvm fake(host_of(revision()));
    fake.script(0,
                {change_ripas(range(0x4000'0000, 0x8000'0000), false),
                 change_ripas(range(kTestRam, 64 * kMib), true), type_letter('x'), system_off()});
    const RealmRun run = run_realm(plan(), fake);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.console, "x");
    EXPECT_EQ(run.report->counters.converted_bytes, 2 * 64 * kMib);
}

TEST(RealmLaunchV15, RamRequestOverUnbackedAddresses_IsOneErrorAndNoLoop) {
    const TestImages images;
    FakeOptions options = host_of(Revision::kV15);
    options.match_attributes = true;
    FakeKvm fake(options);
    fake.script(0, {change_ripas(range(kTestRam, 64 * kMib), true), type_letter('x'),
                    change_ripas(range(0x4000'0000, 4096), true), type_letter('y')});
    const RealmRun run = run_realm(images.plan("kvm-v15"), fake);
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.console, "x");
    EXPECT_EQ(run.report->outcome.exit_code(), 81);
    EXPECT_NE(run.report->outcome.detail.find("0x40000000 private: there is nothing left"),
              std::string::npos)
        << run.report->outcome.detail;
    EXPECT_LT(run.report->counters.memory_fault_exits, 100u);
}

TEST(RealmLaunchV15, BothVariants_ConvertAndRun) {
    const TestImages images;
    for (const bool match : {false, true}) {
        FakeOptions options = host_of(Revision::kV15);
        options.match_attributes = match;
        options.pinned_conversions = 3;
        FakeKvm fake(options);
        script_a_boot(fake, 2);
        const auto realm = images.plan("kvm-v15", 2);
        const RealmRun run = run_realm(realm, fake);
        ASSERT_TRUE(run.report) << run.report.error().message();
        EXPECT_EQ(run.console, "ashared z");
        EXPECT_EQ(fake.violations(), std::vector<std::string>{}) << match;
    }
}

TEST(RealmLaunchPages, GranulesOf16KAnd64K_AreTheHosts) {
    const TestImages images;
    for (const auto& [size, suffix] : {std::pair{16384ULL, "16k"}, std::pair{65536ULL, "64k"}}) {
        FakeOptions options = host_of(Revision::kV14);
        options.page_size = size;
        FakeKvm fake(options);
        const std::string profile = fmt::format("rmm-2.0/tf-rmm + kvm-v14 + {}", suffix);
        const auto realm = images.plan(profile);
        fake.script(0, {change_ripas(range(kTestRam, 64 * kMib), true),
                        change_ripas(range(kPage, size), false), type_letter('x'), system_off()});
        const RealmRun run = run_realm(realm, fake);
        ASSERT_TRUE(run.report) << run.report.error().message();
        EXPECT_EQ(run.console, "x");
        EXPECT_EQ(fake.rim(), realm::fold_rim(realm).value());

        FakeKvm other(options);
        const RealmRun refused = run_realm(images.plan("kvm-v14"), other);
        ASSERT_FALSE(refused.report);
        EXPECT_NE(refused.report.error().message().find("measures granules of 4K"),
                  std::string::npos)
            << refused.report.error().message();
    }
}

}  // namespace
}  // namespace rvmm::vmm::cca
