// The revisions of KVM's realm interface as data: how each is recognised, who does which step of a
// launch, what can be set, and which defects its hosts are known to have.
//
// Source: shared facts, kvm-realm-abi.md section 12, kvm-realm-abi-v10.md, cca-host-seen*.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "realm/plan/launch_plan.hpp"

namespace rvmm::vmm::cca {

enum class Revision : std::uint8_t {
    kV10,  // v8 to v11: commands over KVM_ENABLE_CAP
    kV12,
    kV13,
    kV14,
    kV15,  // v15 and later
};

/// Where pages are said to be private or shared.
enum class AttributesOn : std::uint8_t {
    kVm,          // KVM_SET_MEMORY_ATTRIBUTES on the VM; all memory starts shared
    kGuestMemfd,  // KVM_SET_MEMORY_ATTRIBUTES2 on the guest_memfd; all memory starts private
};

/// How memory is populated.
enum class PopulateCall : std::uint8_t {
    kCommand,  // a command of v10: all of the range or an error, from the slot's own user pages
    kBytes,    // v12: the ioctl returns how many bytes were done
    kRecord,   // v13 and later: the ioctl advances its record
};

/// Who does a step of the plan.
enum class Performer : std::uint8_t { kRvmm, kKernel };

struct RevisionTraits {
    Revision revision;
    std::string_view name;          // "v14"
    std::string_view profile_host;  // of the profiles that predict its RIM: "kvm-v14"
    std::string_view rmm;           // the RMM interface that it was written for
    std::uint64_t vm_type;          // of KVM_CREATE_VM, without the IPA size
    AttributesOn attributes;
    PopulateCall populate;
    bool vmm_orders_steps;  // else the kernel makes RECs, RIPAS and activates at the first run
    bool only_4k_pages;
    bool sets_pmu;
};

const RevisionTraits& traits(Revision revision);

/// Who does `step`. The kernel's steps are done together, at the first run of any vCPU, in the
/// order RECs, RIPAS, activation.
Performer performer(const RevisionTraits& revision, const realm::PlanStep& step);

/// What hosts of a revision do wrong, by measurement or by code.
struct Defect {
    std::string_view name;  // short and stable, for scripts
    Revision first;
    Revision last;
    std::string_view what;    // one clause
    std::string_view answer;  // what rvmm does about it, or what the host's owner has to
};

std::span<const Defect> known_defects();
inline bool applies(const Defect& defect, Revision revision) {
    return defect.first <= revision && revision <= defect.last;
}

/// Whether a plan by `profile` measures to what a host of this revision with pages of `page_size`
/// bytes does. Errors (Stage::kHostCannot) say which profile is the host's.
Result<> check_profile(const RevisionTraits& revision, std::uint64_t page_size,
                       const realm::Profile& profile);

}  // namespace rvmm::vmm::cca
