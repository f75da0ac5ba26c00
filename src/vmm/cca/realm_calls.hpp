// The calls that build a realm, in each revision's form. Which of them a launch makes, and in what
// order, is the plan's business; a step that the kernel does by itself has no call.
#pragma once

#include <expected>
#include <memory>

#include "vmm/cca/guest_memory.hpp"
#include "vmm/cca/realm_vm.hpp"

namespace rvmm::vmm::cca {

class RealmCalls {
  public:
    /// `vm` and `memory` outlive it.
    static std::unique_ptr<RealmCalls> of(RealmVm& vm, GuestMemory& memory);
    virtual ~RealmCalls() = default;

    /// Sets the parameters that are the VM's and makes the realm's descriptor; nothing where the
    /// kernel does that at the first populate(). After all vCPUs are initialised.
    virtual Result<> create(const realm::RealmParameters& parameters) = 0;

    /// Populates the front of `bytes` (whole pages, at `ipa`) with one call. The bytes that were
    /// done, a multiple of the page size, or the errno. EINTR: a signal came before anything was
    /// done.
    virtual std::expected<std::uint64_t, int> populate(Ipa ipa, ByteSpan bytes, bool measured) = 0;
    /// The most bytes that populate() is to be given at once.
    virtual std::uint64_t populates_at_once() const = 0;

    // Steps that the kernel does in some revisions: 0, or the errno.
    virtual int init_ripas(IpaRange range) = 0;
    virtual int create_rec(kvm::Vcpu& vcpu) = 0;
    /// Activates the realm, and does whatever steps the kernel does itself before that.
    virtual int activate(kvm::Vcpu& first) = 0;
};

}  // namespace rvmm::vmm::cca
