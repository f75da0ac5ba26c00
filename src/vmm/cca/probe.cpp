#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "vmm/cca/realm_vm.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::cca {
namespace {

namespace abi = kvm::abi;

constexpr unsigned kFewestIpaBits = 32;
constexpr unsigned kMostIpaBits = 48;  // above, guests do not work (shared facts, section 2)
constexpr char kReport[] = "send a report: docs/cca-hosts.md says what belongs into it";

std::unexpected<Error> refuse(std::string why, std::string advice) {
    return std::unexpected(
        Error(Stage::kHostCannot, std::move(why)).with_advice(std::move(advice)));
}

/// The command exists: with no record it comes as far as reading it. On any other kernel a command
/// of that number does nothing.
bool knows(const kvm::Vm& vm, unsigned long request) {
    return vm.call<void>(request, nullptr) == -EFAULT;
}

/// A VM of a realm type, of `ipa_bits` or else of as many as there are. EINVAL means that the type
/// is not known, or that none of that size is made.
struct Made {
    std::optional<kvm::Vm> vm = {};
    unsigned ipa_bits = 0;
    int error = EINVAL;  // where there is no VM
};

Made make(const kvm::System& system, std::uint64_t type, unsigned most, unsigned fewest) {
    Made made;
    for (unsigned bits = most; bits >= fewest; --bits) {
        auto vm = system.try_create_vm(type | bits);
        if (vm) return {.vm = *std::move(vm), .ipa_bits = bits, .error = 0};
        made.error = vm.error();
        if (made.error != EINVAL) return made;
    }
    return made;
}

/// v5 to v11: ENABLE_CAP of the right number gets as far as reading the record.
bool takes_commands(const kvm::Vm& vm, std::uint32_t capability) {
    abi::EnableCap command = {};
    command.cap = capability;
    command.args[0] = static_cast<std::uint64_t>(abi::RealmCommand::kConfig);
    return vm.call(abi::kEnableCap, &command) == -EFAULT;
}

std::optional<std::uint32_t> command_capability(kvm::Driver& driver, const kvm::Vm& vm) {
    std::vector<std::uint32_t> candidates;
    for (const std::string_view name : {"kvm_cap_arm_rme", "kvm_cap_arm_rmi"}) {
        constexpr std::uint64_t kMost = 4095;
        const auto number = driver.module_parameter(name);
        if (number && *number != 0 && *number <= kMost)
            candidates.push_back(static_cast<std::uint32_t>(*number));
    }
    for (const std::uint32_t number : {abi::kCapRmeV10, abi::kCapRmeV9, abi::kCapRmeV8,
                                       abi::kCapRmeV7, abi::kCapRmeV11, abi::kCapRmeV11Other})
        candidates.push_back(number);
    const auto found = std::ranges::find_if(
        candidates, [&](std::uint32_t number) { return takes_commands(vm, number); });
    if (found == candidates.end()) return std::nullopt;
    return *found;
}

/// Whether vCPUs are made RECs by feature `bit`: it can be asked for, and finalising it says that
/// there is no realm yet. On a VM of its own, for a vCPU stays.
bool makes_recs(const kvm::System& system, std::uint64_t type, unsigned bit) {
    auto vm = system.try_create_vm(type);
    if (!vm) return false;
    auto vcpu = vm->create_vcpu(0);
    if (!vcpu || vcpu->try_init({.rec = bit}) < 0) return false;
    return vcpu->finalize(bit) == -ENOENT;
}

std::string_view version_of(std::uint32_t capability) {
    switch (capability) {
        case abi::kCapRmeV8:
            return "v8";
        case abi::kCapRmeV9:
            return "v9";
        case abi::kCapRmeV10:
            return "v10";
        default:
            return "v11";
    }
}

/// The generation of commands, v5 to v11.
Result<HostFinding> recognise_commands(const kvm::System& system, const kvm::Vm& vm,
                                       unsigned ipa_bits) {
    const auto capability = command_capability(system.driver(), vm);
    if (!capability)
        return refuse(
            "KVM makes VMs of realm type, but knows none of the ways to build a realm (v8 to v15)",
            kReport);
    if (vm.capability(abi::kCapGuestMemfd) == 0 ||
        (vm.capability(abi::kCapMemoryAttributes) & static_cast<long>(abi::kAttributePrivate)) == 0)
        return refuse(fmt::format("KVM's realm interface (commands over capability {}) is one "
                                  "without guest_memfd, as openEuler's kernels have it; rvmm does "
                                  "not speak it",
                                  *capability),
                      "use a host kernel with v8 or later of the series");
    if (*capability == abi::kCapRmeV7 ||
        !makes_recs(system, abi::kRealmTypeV10 | ipa_bits, abi::kVcpuRecV8))
        return refuse(fmt::format("KVM's realm interface is v5, v6 or v7 (commands over capability "
                                  "{}); rvmm speaks v8 and later",
                                  *capability),
                      "use a host kernel with v8 or later of the series");
    return HostFinding{
        .revision = Revision::kV10,
        .version = std::string(version_of(*capability)),
        .decided_by = fmt::format("commands over capability {}, vCPU feature {} makes RECs",
                                  *capability, abi::kVcpuRecV8),
        .command_capability = *capability,
        .rec_feature = abi::kVcpuRecV8};
}

HostFinding finding(Revision revision, std::string decided_by) {
    return {.revision = revision,
            .version = std::string(traits(revision).name),
            .decided_by = std::move(decided_by)};
}

/// v5 to v13: type 0x100.
Result<HostFinding> recognise_old_type(const kvm::System& system, const kvm::Vm& vm,
                                       unsigned ipa_bits) {
    if (knows(vm, abi::kPopulateV13))
        return finding(Revision::kV13, "VM type 0x100, POPULATE that advances its record");
    if (knows(vm, abi::kPopulateV12))
        return finding(Revision::kV12, "VM type 0x100, POPULATE that returns bytes");
    return recognise_commands(system, vm, ipa_bits);
}

/// A guest_memfd knows SET_MEMORY_ATTRIBUTES2.
bool knows_memfd_attributes(kvm::Driver& driver, const kvm::Vm& vm) {
    abi::CreateGuestMemfd memfd = {.size = driver.page_size(), .flags = 0, .reserved = {}};
    const long fd = vm.call(abi::kCreateGuestMemfd, &memfd);
    if (fd < 0) return false;
    const UniqueFd file(static_cast<int>(fd));
    return driver.ioctl(file.get(), abi::kSetMemoryAttributes2, 0) == -EFAULT;
}

/// v14 and later: type 1 << 30.
Result<HostFinding> recognise_new_type(kvm::Driver& driver, const kvm::Vm& vm) {
    if (!knows(vm, abi::kPopulateV13))
        return refuse("KVM makes VMs of realm type (bit 30), but has no POPULATE", kReport);
    if ((vm.capability(abi::kCapMemoryAttributes) & static_cast<long>(abi::kAttributePrivate)) != 0)
        return finding(Revision::kV14, "VM type bit 30, memory attributes on the VM");
    if (knows_memfd_attributes(driver, vm))
        return finding(Revision::kV15, "VM type bit 30, memory attributes on the guest_memfd");
    return refuse(
        "KVM makes realms, but its guest_memfd has no memory attributes, without which none can "
        "be launched",
        "boot the host without gmem_in_place_conversion=0 of the kvm module");
}

std::unexpected<Error> no_realms(const kvm::System& system) {
    std::string seen;
    for (const unsigned long number :
         {abi::kCapRmiV12, abi::kCapRmiV13, abi::kCapRmiV14, abi::kCapRmiV15})
        if (system.capability(number) != 0)
            seen += fmt::format("{}{}", seen.empty() ? "" : ", ", number);
    if (!seen.empty()) seen = fmt::format(" (capability {} is something else here)", seen);
    return refuse("this kernel's KVM makes no realms" + seen,
                  "boot a kernel with the CCA host series on a CPU with RME and an RMM that fits "
                  "it; if it is one, its boot log says what is wrong with the RMM");
}

Result<RealmVm> recognise(const kvm::System& system, Made made, bool new_type) {
    kvm::Driver& driver = system.driver();
    auto found = new_type ? recognise_new_type(driver, *made.vm)
                          : recognise_old_type(system, *made.vm, made.ipa_bits);
    if (!found) return std::unexpected(std::move(found).error());
    found->ipa_bits = made.ipa_bits;
    found->page_size = driver.page_size();
    return RealmVm(*std::move(made.vm), *std::move(found));
}

}  // namespace

Result<RealmVm> probe_realms(const kvm::System& system, std::optional<unsigned> ipa_bits) {
    const unsigned most = std::min(system.max_ipa_bits(), kMostIpaBits);
    // First exactly what is wanted: a VM that is made is the one that is launched.
    struct Attempt {
        unsigned most;
        unsigned fewest;
    };
    std::vector<Attempt> attempts;
    if (ipa_bits) attempts.push_back({*ipa_bits, *ipa_bits});
    attempts.push_back({most, kFewestIpaBits});
    for (const Attempt& attempt : attempts) {
        for (const std::uint64_t type : {abi::kRealmTypeV14, abi::kRealmTypeV10}) {
            Made made = make(system, type, attempt.most, attempt.fewest);
            if (made.error == EPERM && type == abi::kRealmTypeV10)
                return refuse("KVM knows realms (v7 to v10), but found no RMM that it can use",
                              "look for RME and RMI in the host's boot log; firmware with an RMM "
                              "of RMI 1.0 is needed");
            if (!made.vm) continue;
            const unsigned found = made.ipa_bits;
            RVMM_TRY(auto vm, recognise(system, std::move(made), type == abi::kRealmTypeV14));
            if (ipa_bits && found != *ipa_bits)
                return refuse(fmt::format("this host's realms have at most {} IPA bits, {} are "
                                          "asked for",
                                          found, *ipa_bits),
                              "lower realm.ipa_bits, which changes the measurement, or use another "
                              "host");
            return vm;
        }
    }
    return no_realms(system);
}

}  // namespace rvmm::vmm::cca
