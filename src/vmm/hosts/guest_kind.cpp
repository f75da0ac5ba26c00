#include "vmm/hosts/guest_kind.hpp"

namespace rvmm::vmm {

Result<CallReply> GuestKind::memory_fault(std::size_t vcpu, const kvm::MemoryFaultExit& fault) {
    return RunOutcome{RunOutcome::Kind::kPanic, 0,
                      fmt::format("vCPU {}: memory fault at {:#x} ({} bytes, flags {:#x})", vcpu,
                                  fault.address.value, fault.size, fault.flags)};
}

}  // namespace rvmm::vmm
