#include <gtest/gtest.h>

#include "vmm/hosts/host_facts.hpp"

namespace rvmm::vmm {
namespace {

using realm::HostKind;

constexpr auto kBroken = "broken here";

HostFacts everything() {
    return {};
}
HostFacts no_cca() {
    HostFacts facts;
    facts.cca = Obstacle{kBroken, "buy one"};
    return facts;
}
HostFacts laptop() {
    HostFacts facts = no_cca();
    facts.local_kvm = facts.smc = Obstacle{"it is x86-64, not arm64", "use the lab: --host lab"};
    return facts;
}
HostFacts bare_laptop() {
    HostFacts facts = laptop();
    facts.lab = Obstacle{"no QEMU", "run scripts/setup"};
    return facts;
}

realm::RealmSpec realm_for(std::vector<HostKind> allow) {
    realm::RealmSpec spec;
    spec.realm = realm::RealmParameters{};
    spec.host.allow = std::move(allow);
    return spec;
}

TEST(ChooseHost, DefaultRealm_RunsOnCcaOnly) {
    const auto spec = realm_for({HostKind::kCca});
    EXPECT_EQ(*choose_host(spec, {}, everything()), RunsOn::kCca);
    for (const HostFacts& facts : {no_cca(), laptop(), bare_laptop()}) {
        const auto choice = choose_host(spec, {}, facts);
        ASSERT_FALSE(choice);
        EXPECT_EQ(choice.error().stage(), Stage::kHostNotAllowed);
        EXPECT_NE(choice.error().advice().find("--emulate"), std::string::npos);
    }
}

TEST(ChooseHost, EmulationAllowed_TakesTheNextBest) {
    const auto spec = realm_for({HostKind::kCca, HostKind::kEmulated, HostKind::kLab});
    EXPECT_EQ(*choose_host(spec, {}, everything()), RunsOn::kCca);
    EXPECT_EQ(*choose_host(spec, {}, no_cca()), RunsOn::kEmulated);
    EXPECT_EQ(*choose_host(spec, {}, laptop()), RunsOn::kLab);
    const auto none = choose_host(spec, {}, bare_laptop());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().stage(), Stage::kHostCannot);
    EXPECT_EQ(none.error().advice(), "run scripts/setup");
}

TEST(ChooseHost, SmcUndefined_FallsBackToTheLab) {
    HostFacts facts = no_cca();
    facts.smc = Obstacle{"no EL3", "use the lab"};
    const auto all = realm_for({HostKind::kCca, HostKind::kEmulated, HostKind::kLab});
    EXPECT_EQ(*choose_host(all, {}, facts), RunsOn::kLab);
    const auto choice = choose_host(realm_for({HostKind::kEmulated}), {}, facts);
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().stage(), Stage::kHostCannot);
    EXPECT_NE(choice.error().message().find("no EL3"), std::string::npos);
}

TEST(ChooseHost, EmulateFlag_AllowsBoth) {
    const auto spec = realm_for({HostKind::kCca});
    EXPECT_EQ(*choose_host(spec, {true, std::nullopt}, no_cca()), RunsOn::kEmulated);
    EXPECT_EQ(*choose_host(spec, {true, std::nullopt}, laptop()), RunsOn::kLab);
}

TEST(ChooseHost, NamedHost_IsThatOneOrNone) {
    const auto spec = realm_for({HostKind::kCca});
    EXPECT_EQ(*choose_host(spec, {false, HostKind::kLab}, everything()), RunsOn::kLab);
    EXPECT_EQ(*choose_host(spec, {false, HostKind::kEmulated}, no_cca()), RunsOn::kEmulated);
    const auto cca = choose_host(spec, {true, HostKind::kCca}, no_cca());
    ASSERT_FALSE(cca);
    EXPECT_EQ(cca.error().stage(), Stage::kHostCannot);
    EXPECT_NE(cca.error().message().find(kBroken), std::string::npos);
}

TEST(ChooseHost, OrdinaryVm_NeedsNoPermission) {
    const realm::RealmSpec spec;
    EXPECT_EQ(*choose_host(spec, {}, no_cca()), RunsOn::kLocalVm);
    EXPECT_EQ(*choose_host(spec, {}, laptop()), RunsOn::kLab);
    EXPECT_EQ(*choose_host(spec, {false, HostKind::kLab}, no_cca()), RunsOn::kLab);
    EXPECT_EQ(choose_host(spec, {false, HostKind::kCca}, everything()).error().stage(),
              Stage::kUsage);
    EXPECT_EQ(choose_host(spec, {}, bare_laptop()).error().stage(), Stage::kHostCannot);
}

}  // namespace
}  // namespace rvmm::vmm
