// A VM of realm type, and what was found out about the host that made it. The VM that a host was
// recognised with is the one that is launched: some hosts complain about a realm VM that is not.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "vmm/cca/revision.hpp"
#include "vmm/kvm/vm.hpp"

namespace rvmm::vmm::cca {

struct HostFinding {
    Revision revision = Revision::kV14;
    std::string version = {};                  // "v14"; "v9" for a host of v10's kind
    std::string decided_by = {};               // what told it apart, one clause
    unsigned ipa_bits = 0;                     // of the VM
    std::uint64_t page_size = 0;               // bytes, the host's
    std::uint32_t command_capability = 0;      // v10: the number of its commands
    std::optional<unsigned> rec_feature = {};  // v10: the vCPU feature that makes a REC
};

class RealmVm {
  public:
    RealmVm(kvm::Vm vm, HostFinding host)
        : vm_(std::make_unique<kvm::Vm>(std::move(vm))), host_(std::move(host)) {}
    RealmVm(RealmVm&&) = default;
    RealmVm& operator=(RealmVm&&) = delete;
    /// Where the host would complain about a realm VM without a realm, it gets one now.
    ~RealmVm();

    /// Stays where it is when this is moved.
    kvm::Vm& vm() { return *vm_; }
    const HostFinding& host() const { return host_; }
    const RevisionTraits& revision() const { return traits(host_.revision); }

    /// The kernel has, or may have, made the realm's descriptor.
    void set_descriptor_made() { descriptor_made_ = true; }
    /// vCPU 0 has been made and initialised.
    void set_vcpu_initialised() { vcpu_initialised_ = true; }

    /// The VM alone, once it has its realm.
    std::unique_ptr<kvm::Vm> release() && { return std::move(vm_); }

  private:
    std::unique_ptr<kvm::Vm> vm_;
    HostFinding host_;
    bool vcpu_initialised_ = false;
    bool descriptor_made_ = false;
};

/// Recognises the host's revision by making a VM of realm type: of `ipa_bits` bits, or else of as
/// many as the host has. Errors (Stage::kHostCannot): the kernel makes no realms; it speaks a
/// revision that rvmm does not; it has no RMM; it makes none of `ipa_bits`. The message names what
/// was seen, the advice what to do.
///
/// Source: shared facts, kvm-realm-abi.md section 1.3, kvm-realm-abi-v10.md section 10.
Result<RealmVm> probe_realms(const kvm::System& system, std::optional<unsigned> ipa_bits);

}  // namespace rvmm::vmm::cca
