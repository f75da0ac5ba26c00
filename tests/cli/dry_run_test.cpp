#include "cli/dry_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace rvmm::cli {
namespace {

using realm::HostKind;
using ::testing::HasSubstr;
using ::testing::Not;
using vmm::RunsOn;

/// A realm without images, on hosts that may be `allow`.
realm::LaunchPlan realm_without_images(std::vector<HostKind> allow) {
    realm::RealmSpec spec;
    spec.realm = realm::RealmParameters{};
    spec.host.allow = std::move(allow);
    spec.machine.memory = 64U << 20;
    spec.machine.vcpus = 2;
    auto board = realm::make_board(spec);
    const auto* profile = *realm::ProfileTable::built_in().find("emulated");
    return realm::LaunchPlan::of_layout(std::move(spec), *profile, *std::move(board), {});
}

class DryRunTest : public ::testing::Test {
  protected:
    std::string text(const realm::LaunchPlan& plan, RunsOn host) {
        choice_.host = host;
        return dry_run_text({plan, {}, choice_, wishes_, lab_});
    }
    nlohmann::json json(const realm::LaunchPlan& plan, RunsOn host) {
        choice_.host = host;
        const std::string line = dry_run_json({plan, {}, choice_, wishes_, lab_});
        EXPECT_EQ(line.find('\n'), line.size() - 1);
        return nlohmann::json::parse(line);
    }

    vmm::HostChoice choice_{.host = RunsOn::kLab, .facts = {}};
    vmm::HostWishes wishes_;
    vmm::lab::LabSearch lab_;
};

TEST_F(DryRunTest, Emulated_SaysWhyNotReal) {
    const auto plan = realm_without_images({HostKind::kCca, HostKind::kEmulated});
    choice_.facts.cca = vmm::Obstacle{"no realms in this kernel", "another one"};
    EXPECT_THAT(
        text(plan, RunsOn::kEmulated),
        HasSubstr("host        emulated, an EMULATED realm on this machine: nothing protects "
                  "it\n            not cca: no realms in this kernel\nvCPUs       2\n"
                  "memory      64M at 0x80000000\nRIM "));
    const auto document = json(plan, RunsOn::kEmulated);
    EXPECT_EQ(document["emulated"], true);
    EXPECT_EQ(document["not"][0]["why"], "no realms in this kernel");
}

TEST_F(DryRunTest, Real_IsNotEmulatedAndNothingIsBefore) {
    const auto plan = realm_without_images({HostKind::kCca});
    EXPECT_THAT(text(plan, RunsOn::kCca),
                HasSubstr("host        cca, a real realm on this machine\nvCPUs"));
    const auto document = json(plan, RunsOn::kCca);
    EXPECT_EQ(document["emulated"], false);
    EXPECT_TRUE(document["not"].empty());
    EXPECT_EQ(document["measurement"]["profile"], document["profile"]);
}

TEST_F(DryRunTest, Lab_SaysWhatItMakesAndWhyItIsTheLab) {
    const auto plan = realm_without_images({HostKind::kLab});
    choice_.facts.local_kvm = choice_.facts.smc = vmm::Obstacle{"no KVM", ""};
    std::string shown = text(plan, RunsOn::kLab);
    EXPECT_THAT(shown, HasSubstr("not cca: it is not allowed\n"));
    EXPECT_THAT(shown, HasSubstr("not emulated: it is not allowed\n"));
    wishes_.emulate = true;
    EXPECT_THAT(text(plan, RunsOn::kLab), HasSubstr("not emulated: no KVM\n"));
    lab_.machine.realms = vmm::lab::LabRealms::kCca;
    shown = text(plan, RunsOn::kLab);
    EXPECT_THAT(shown,
                HasSubstr("a real realm on an EMULATED machine, a lab: nothing protects it"));
    EXPECT_EQ(json(plan, RunsOn::kLab)["emulated"], true);
}

TEST_F(DryRunTest, NamedHost_NeedsNoReasons) {
    const auto plan = realm_without_images({HostKind::kCca});
    choice_.facts.cca = vmm::Obstacle{"no realms in this kernel", "another one"};
    wishes_.host = HostKind::kEmulated;
    EXPECT_THAT(text(plan, RunsOn::kEmulated), Not(HasSubstr("not cca")));
}

}  // namespace
}  // namespace rvmm::cli
