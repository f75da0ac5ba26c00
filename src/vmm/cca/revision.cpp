#include "vmm/cca/revision.hpp"

#include <array>

#include "base/text.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::cca {
namespace {

namespace abi = kvm::abi;

constexpr std::array kTraits = {
    RevisionTraits{.revision = Revision::kV10,
                   .name = "v10",
                   .profile_host = "kvm-v10",
                   .rmm = "RMI 1.0",
                   .vm_type = abi::kRealmTypeV10,
                   .attributes = AttributesOn::kVm,
                   .populate = PopulateCall::kCommand,
                   .vmm_orders_steps = true,
                   .only_4k_pages = true,
                   .sets_pmu = true},
    RevisionTraits{.revision = Revision::kV12,
                   .name = "v12",
                   .profile_host = "kvm-v12",
                   .rmm = "RMI 1.0",
                   .vm_type = abi::kRealmTypeV10,
                   .attributes = AttributesOn::kVm,
                   .populate = PopulateCall::kBytes,
                   .vmm_orders_steps = false,
                   .only_4k_pages = true,
                   .sets_pmu = true},
    RevisionTraits{.revision = Revision::kV13,
                   .name = "v13",
                   .profile_host = "kvm-v13",
                   .rmm = "RMI 2.0-bet0",
                   .vm_type = abi::kRealmTypeV10,
                   .attributes = AttributesOn::kVm,
                   .populate = PopulateCall::kRecord,
                   .vmm_orders_steps = false,
                   .only_4k_pages = false,
                   .sets_pmu = false},
    RevisionTraits{.revision = Revision::kV14,
                   .name = "v14",
                   .profile_host = "kvm-v14",
                   .rmm = "RMI 2.0-bet1",
                   .vm_type = abi::kRealmTypeV14,
                   .attributes = AttributesOn::kVm,
                   .populate = PopulateCall::kRecord,
                   .vmm_orders_steps = false,
                   .only_4k_pages = false,
                   .sets_pmu = false},
    RevisionTraits{.revision = Revision::kV15,
                   .name = "v15",
                   .profile_host = "kvm-v15",
                   .rmm = "RMI 2.0-bet2 or later",
                   .vm_type = abi::kRealmTypeV14,
                   .attributes = AttributesOn::kGuestMemfd,
                   .populate = PopulateCall::kRecord,
                   .vmm_orders_steps = false,
                   .only_4k_pages = false,
                   .sets_pmu = false},
};

constexpr std::array kDefects = {
    Defect{"steal-time-oops", Revision::kV12, Revision::kV12,
           "asking /dev/kvm for capability 187 (steal time) oopses the host",
           "rvmm does not ask; other VMMs on this host may"},
    Defect{"unused-realm-warns", Revision::kV12, Revision::kV12,
           "closing a realm VM that was never populated, or an ordinary VM, makes the kernel warn",
           "rvmm gives a realm VM that it does not launch a realm descriptor first; ordinary VMs "
           "still warn"},
    Defect{"run-time-page-leak", Revision::kV12, Revision::kV12,
           "private pages that a guest faults in at run time stay allocated after it has ended",
           "plan reboots of the host"},
    Defect{"root-table-leak", Revision::kV10, Revision::kV12,
           "the realm's stage-2 root tables (8 to 64 KiB) stay allocated after it has ended",
           "plan reboots of the host"},
    Defect{"slow-high-teardown", Revision::kV12, Revision::kV12,
           "tearing down a realm of many IPA bits takes a call for each 2 MiB",
           "keep realm.ipa_bits small"},
    Defect{"shared-page-fault", Revision::kV14, Revision::kV14,
           "shared memory that is anonymous, or backed by huge pages, makes KVM_RUN fail",
           "rvmm shares a memfd without huge pages"},
    Defect{"smc32-psci-hang", Revision::kV14, Revision::kV14,
           "a guest's CPU_ON or AFFINITY_INFO by its SMC32 number hangs",
           "Linux uses the SMC64 numbers"},
};

/// The number at the end of "kvm-v15"; 0 where there is none.
std::uint64_t host_number(std::string_view host) {
    constexpr std::string_view kPrefix = "kvm-v";
    if (!host.starts_with(kPrefix)) return 0;
    return parse_unsigned(host.substr(kPrefix.size())).value_or(0);
}

bool is_profile_of(const RevisionTraits& revision, const realm::Profile& profile) {
    if (profile.host == revision.profile_host) return true;
    // Later revisions that look like v15 may have profiles of their own, from the user's file.
    return revision.revision == Revision::kV15 && host_number(profile.host) > 15;
}

std::unexpected<Error> wrong_profile(const RevisionTraits& revision, std::uint64_t page_size,
                                     const std::string& why) {
    const std::string pages =
        page_size == kPageSize4K ? "" : fmt::format(" with {} pages", format_size(page_size));
    return std::unexpected(
        Error(Stage::kHostCannot, why)
            .with_advice(fmt::format("--set realm.profile=NAME with a profile of {}{} (rvmm "
                                     "profiles lists them); the measurement is then another",
                                     revision.profile_host, pages)));
}

}  // namespace

const RevisionTraits& traits(Revision revision) {
    return kTraits[static_cast<std::size_t>(revision)];
}

Performer performer(const RevisionTraits& revision, const realm::PlanStep& step) {
    const bool populates = std::holds_alternative<realm::PopulateStep>(step);
    return populates || revision.vmm_orders_steps ? Performer::kRvmm : Performer::kKernel;
}

std::span<const Defect> known_defects() {
    return kDefects;
}

Result<> check_profile(const RevisionTraits& revision, std::uint64_t page_size,
                       const realm::Profile& profile) {
    if (!is_profile_of(revision, profile))
        return wrong_profile(revision, page_size,
                             fmt::format("profile \"{}\" is not this host's, which is {}",
                                         profile.name, revision.name));
    if (profile.page_size != page_size)
        return wrong_profile(
            revision, page_size,
            fmt::format("profile \"{}\" measures granules of {}, this host's pages are of {}",
                        profile.name, format_size(profile.page_size), format_size(page_size)));
    if (!revision.vmm_orders_steps && profile.order != realm::StepOrder::kPopulateRecsRipas)
        return wrong_profile(
            revision, page_size,
            fmt::format("profile \"{}\" has an order of steps that {} does not do: {}",
                        profile.name, revision.name, to_string(profile.order)));
    return {};
}

}  // namespace rvmm::vmm::cca
