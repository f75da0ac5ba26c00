// What a scripted guest does: steps for FakeKvm::script().
// Where an address goes is kvm-realm-abi.md section 3.3 (v10: section 6 of its sheet).
#pragma once

#include <string>

#include "fake_kvm/fake_kvm.hpp"

namespace rvmm::vmm {

// ---- Of any guest ------------------------------------------------------------------------------

/// A realm's exits have the address without the shared bit, whether it is given here or not.
FakeKvm::Step mmio_write(std::uint64_t address, std::uint32_t value, std::uint32_t length);
FakeKvm::Step mmio_read(std::uint64_t address, std::uint32_t length);
/// A read, and the value that the guest must see once the access is complete.
std::vector<FakeKvm::Step> mmio_read_sees(std::uint64_t address, std::uint32_t length,
                                          std::uint64_t value);
/// The guest sets X0 to X3 and makes a call: an exit if it is forwarded, else KVM's answer (PSCI,
/// or NOT_SUPPORTED).
FakeKvm::Step smc(std::uint64_t x0, std::uint64_t x1 = 0, std::uint64_t x2 = 0,
                  std::uint64_t x3 = 0);
/// PSCI_CPU_ON, by the kernel.
FakeKvm::Step cpu_on(std::uint64_t mpidr, std::uint64_t entry, std::uint64_t context);
FakeKvm::Step system_off();
FakeKvm::Step system_reset();
/// The VM ends with this KVM_SYSTEM_EVENT_*.
FakeKvm::Step system_event(std::uint32_t type);
/// KVM_RUN returns this KVM_EXIT_* and nothing else.
FakeKvm::Step exit_reason(std::uint32_t reason);
/// Looks at the vCPU; no exit.
FakeKvm::Step look(std::function<void(FakeKvm::Vcpu&)> at);
/// Looks at the vCPU, then does `next`.
FakeKvm::Step look(std::function<void(FakeKvm::Vcpu&)> at, FakeKvm::Step next);
/// A signal.
FakeKvm::Step interrupted();
/// KVM_RUN fails with this errno, once.
FakeKvm::Step fails(int error_number);

// ---- Of a realm --------------------------------------------------------------------------------

/// RSI_IPA_STATE_SET: the exit, and at re-entry the change. Afterwards X0 is 0, X1 the range's end.
FakeKvm::Step change_ripas(IpaRange range, bool to_ram);
/// Touches the private page at `ipa`; again after each fault, until it is there.
FakeKvm::Step touch_private(std::uint64_t ipa);
/// Touches the shared alias of `ipa` (given plain). Without a slot it is an MMIO read.
FakeKvm::Step touch_shared(std::uint64_t ipa);
/// The same, with data.
FakeKvm::Step write_shared(std::uint64_t ipa, std::string bytes);
FakeKvm::Step read_shared(std::uint64_t ipa, std::string bytes);  // and they must be these
/// The RMM gives the realm up: this KVM_RUN is ENXIO, and every later one the revision's errno.
FakeKvm::Step die();

}  // namespace rvmm::vmm
