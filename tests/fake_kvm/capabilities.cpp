#include "fake_kvm/capabilities.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <linux/kvm.h>

namespace rvmm::vmm::fake {

namespace abi = kvm::abi;

namespace {

constexpr unsigned long kCapGuestMemfdFlags = 244;
constexpr unsigned long kCapGmemAttributes = 250;

struct Known {
    unsigned long number;
    long value;  // on /dev/kvm and ordinary VMs
    bool arch;   // else answered by the generic code, which knows no realms
};
constexpr auto kKnown = std::to_array<Known>({
    {KVM_CAP_IRQCHIP, 1, true},
    {KVM_CAP_NR_VCPUS, 8, true},
    {KVM_CAP_USER_MEMORY, 1, false},
    {KVM_CAP_SYNC_MMU, 1, true},
    {KVM_CAP_VCPU_EVENTS, 1, true},
    {KVM_CAP_MAX_VCPUS, 512, true},
    {KVM_CAP_ONE_REG, 1, true},
    {KVM_CAP_READONLY_MEM, 1, true},
    {KVM_CAP_ARM_PSCI, 1, true},
    {KVM_CAP_ARM_PSCI_0_2, 1, true},
    {KVM_CAP_GUEST_DEBUG_HW_BPS, 6, true},
    {KVM_CAP_GUEST_DEBUG_HW_WPS, 4, true},
    {KVM_CAP_MAX_VCPU_ID, 512, true},
    {KVM_CAP_MSI_DEVID, 1, true},
    {KVM_CAP_ARM_PTRAUTH_ADDRESS, 1, true},
    {KVM_CAP_ARM_PTRAUTH_GENERIC, 1, true},
    {KVM_CAP_ARM_NISV_TO_USER, 1, true},
    {KVM_CAP_STEAL_TIME, 1, true},
    {abi::kCapUserMemory2, 1, false},
});

// Sheet 1.2. ARM_SVE and ARM_PMU_V3 depend on more than the list.
constexpr auto kAllowed = std::to_array<unsigned long>(
    {KVM_CAP_IRQCHIP, KVM_CAP_ARM_PSCI, KVM_CAP_ARM_PSCI_0_2, KVM_CAP_NR_VCPUS, KVM_CAP_MAX_VCPUS,
     KVM_CAP_MAX_VCPU_ID, KVM_CAP_MSI_DEVID, KVM_CAP_ARM_VM_IPA_SIZE, KVM_CAP_ARM_PTRAUTH_ADDRESS,
     KVM_CAP_ARM_PTRAUTH_GENERIC});
// v10 hides these and nothing else: v10 sheet 8.
constexpr auto kHiddenInV10 = std::to_array<unsigned long>(
    {KVM_CAP_SET_GUEST_DEBUG, KVM_CAP_GUEST_DEBUG_HW_BPS, KVM_CAP_GUEST_DEBUG_HW_WPS,
     KVM_CAP_COUNTER_OFFSET, KVM_CAP_STEAL_TIME, KVM_CAP_READONLY_MEM});

// The capabilities that decide about realms. Nothing: not one of them.
std::optional<long> realm_capability(const Host& host, AskedOn asked, unsigned long number) {
    const Rules& rules = host.rules;
    const bool realms = host.has_realms();
    if (number == rules.capability) return realms ? 1 : 0;
    if (number == abi::kCapGuestMemfd) return rules.guest_memfd ? 1 : 0;
    if (number == abi::kCapMemoryAttributes) {
        const bool shown = rules.attributes == Attributes::kOfVm && asked != AskedOn::kOrdinaryVm;
        return shown ? static_cast<long>(abi::kAttributePrivate) : 0;  // seen 2.6
    }
    if (number == kCapGmemAttributes) {
        const bool shown = rules.attributes == Attributes::kOfGmem &&
                           host.options.gmem_attributes && asked == AskedOn::kRealm;
        return shown ? static_cast<long>(abi::kAttributePrivate) : 0;
    }
    if (number == kCapGuestMemfdFlags) return rules.family == Family::kCommands ? 0 : 3;
    return std::nullopt;
}

}  // namespace

bool allowed_for_realm(const Host& host, unsigned long number) {
    if (number == host.rules.capability) return true;
    if (number == KVM_CAP_ARM_SVE) return host.options.sve_vqs != 0;
    if (number == KVM_CAP_ARM_PMU_V3) return host.rules.pmu && host.options.pmu;
    return std::ranges::find(kAllowed, number) != kAllowed.end();
}

long capability(Host& host, AskedOn asked, unsigned long number) {
    const FakeOptions& options = host.options;
    if (const auto other = options.other_capabilities.find(number);
        other != options.other_capabilities.end())
        return other->second;
    if (const auto answer = realm_capability(host, asked, number)) return *answer;
    if (number == KVM_CAP_STEAL_TIME && asked == AskedOn::kSystem && host.rules.steal_time_oops &&
        host.has_realms())
        host.ledger.violation("KVM_CAP_STEAL_TIME asked on /dev/kvm: kernel oops (seen 2.3)");
    const auto known = std::ranges::find(kKnown, number, &Known::number);
    const bool generic = known != kKnown.end() && !known->arch;
    if (asked == AskedOn::kRealm && !generic) {
        if (host.rules.cap_list && !allowed_for_realm(host, number)) return 0;
        if (!host.rules.cap_list && std::ranges::find(kHiddenInV10, number) != kHiddenInV10.end())
            return 0;
    }
    if (number == KVM_CAP_ARM_VM_IPA_SIZE) return options.ipa_bits;
    if (number == KVM_CAP_ARM_SVE) return options.sve_vqs != 0 ? 1 : 0;
    if (number == KVM_CAP_ARM_PMU_V3) return options.pmu ? 1 : 0;
    return known == kKnown.end() ? 0 : known->value;
}

}  // namespace rvmm::vmm::fake
