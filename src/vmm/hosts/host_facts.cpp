#include "vmm/hosts/host_facts.hpp"

#include "vmm/hosts/smc_probe.hpp"
#include "vmm/kvm/vm.hpp"

namespace rvmm::vmm {
namespace {

// KVM_CREATE_VM types of realms: bit 30 from series v14 on, 1 in bits 11:8 on v12 and v13.
constexpr std::uint64_t kRealmTypeV14 = std::uint64_t{1} << 30;
constexpr std::uint64_t kRealmTypeV12 = 0x100;
constexpr std::uint64_t kProbeIpaBits = 40;
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

std::optional<Obstacle> probe_realms(const kvm::System& system) {
    const bool has_type = system.probe_vm_type(kRealmTypeV14 | kProbeIpaBits) == 0 ||
                          system.probe_vm_type(kRealmTypeV12 | kProbeIpaBits) == 0;
    if (!has_type)
        return Obstacle{"this kernel's KVM makes no realms",
                        "boot a kernel with Arm CCA support on a CPU with RME"};
    return Obstacle{
        "this kernel's KVM makes realms, but this version of rvmm cannot launch them yet",
        "use --emulate, or a later rvmm"};
}

void look_at_kvm(kvm::Driver& driver, HostFacts& facts) {
    const auto system = kvm::System::open(driver);
    if (!system) {
        const Obstacle none = {system.error().message(), system.error().advice()};
        facts.local_kvm = facts.smc = facts.cca = none;
        return;
    }
    facts.max_ipa_bits = system->max_ipa_bits();
    facts.guest_memfd = system->capability(kCapGuestMemfd) != 0;
    facts.smc = probe_smc(*system);
    facts.cca = probe_realms(*system);
}

}  // namespace

HostFacts find_host_facts(kvm::Driver& driver, const lab::LabSearch& lab) {
    HostFacts facts;
    facts.is_arm64 = kIsArm64;
    if (kIsArm64) {
        look_at_kvm(driver, facts);
    } else {
        const Obstacle foreign = {fmt::format("it is {}, not arm64", machine_architecture()),
                                  "use the lab: --host lab"};
        facts.local_kvm = facts.smc = facts.cca = foreign;
    }
    if (const auto config = lab::LabConfig::find(lab); !config)
        facts.lab = Obstacle{config.error().message(), config.error().advice()};
    return facts;
}

}  // namespace rvmm::vmm
