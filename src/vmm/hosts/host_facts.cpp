#include "vmm/hosts/host_facts.hpp"

#include <algorithm>

#include "vmm/hosts/smc_probe.hpp"
#include "vmm/kvm/vm.hpp"

namespace rvmm::vmm {

using realm::HostKind;

namespace {

constexpr unsigned long kCapGuestMemfd = 234;

std::string_view machine_architecture() {
#if defined(__aarch64__)
    return "arm64";
#elif defined(__x86_64__)
    return "x86-64";
#else
    return "not arm64";
#endif
}

constexpr bool kIsArm64 =
#if defined(__aarch64__)
    true;
#else
    false;
#endif

const Obstacle kNotLookedFor = {"that was not looked for", "name the host: --host"};

Obstacle obstacle_of(const Error& error) {
    return {error.message(), error.advice()};
}

void look_for_realms(const kvm::System& system, const Looking& looking, HostFacts& facts) {
    auto vm = cca::probe_realms(system, looking.ipa_bits);
    if (!vm) {
        facts.cca = obstacle_of(vm.error());
        return;
    }
    facts.cca.reset();
    if (looking.details)
        facts.realm_host = cca::report_on(system, *std::move(vm));
    else
        facts.realm_vm = std::make_shared<cca::RealmVm>(*std::move(vm));
}

}  // namespace

Looking looking_for(const realm::RealmSpec& spec, const HostWishes& wishes) {
    if (!spec.realm) return {.realms = false, .smc = false};
    const auto may_be = [&](HostKind kind) {
        if (wishes.host) return *wishes.host == kind;
        return std::ranges::find(spec.host.allow, kind) != spec.host.allow.end();
    };
    return {.realms = may_be(HostKind::kCca),
            .smc = may_be(HostKind::kEmulated) || (wishes.emulate && !wishes.host),
            .ipa_bits = spec.realm->ipa_bits};
}

void look_at_kvm(kvm::Driver& driver, const Looking& looking, HostFacts& facts) {
    const auto system = kvm::System::open(driver);
    if (!system) {
        facts.local_kvm = facts.smc = facts.cca = obstacle_of(system.error());
        return;
    }
    facts.max_ipa_bits = system->max_ipa_bits();
    facts.guest_memfd = system->capability(kCapGuestMemfd) != 0;
    facts.smc = facts.cca = kNotLookedFor;
    if (looking.realms) look_for_realms(*system, looking, facts);
    const bool has_realms = !facts.cca;
    if (looking.smc && !has_realms) facts.smc = probe_smc(*system);
}

HostFacts find_host_facts(kvm::Driver& driver, const Looking& looking, const lab::LabSearch& lab) {
    HostFacts facts;
    facts.is_arm64 = kIsArm64;
    if (kIsArm64) {
        look_at_kvm(driver, looking, facts);
    } else {
        const Obstacle foreign = {fmt::format("it is {}, not arm64", machine_architecture()),
                                  "use the lab: --host lab"};
        facts.local_kvm = facts.smc = facts.cca = foreign;
    }
    if (const auto config = lab::LabConfig::find(lab); !config)
        facts.lab = obstacle_of(config.error());
    return facts;
}

}  // namespace rvmm::vmm
