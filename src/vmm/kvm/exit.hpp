// Why a vCPU left the guest, as a value.
#pragma once

#include <array>
#include <cstdint>
#include <variant>

#include "base/address.hpp"

namespace rvmm::vmm::kvm {

/// The guest touched an address that no memory backs. For a read, Vcpu::finish_mmio_read() gives
/// the data; the next entry completes the access.
struct MmioExit {
    Ipa address;
    std::array<std::byte, 8> data;  // of a write
    std::uint32_t length;           // 1 to 8
    bool is_write;
};
/// An SMCCC call that the filter forwards; arguments are in the registers.
struct HypercallExit {
    std::uint32_t function;
    bool is_smc;
};
/// PSCI SYSTEM_OFF and its like, served in the kernel.
struct SystemEventExit {
    enum class Kind : std::uint8_t { kShutdown, kReset, kCrash, kOther };
    Kind kind;
    std::uint32_t type;  // KVM_SYSTEM_EVENT_*
};
/// A realm's page or range is wanted in another state than it has.
struct MemoryFaultExit {
    std::uint64_t flags;
    Ipa address;
    std::uint64_t size;
};
/// A signal or immediate_exit: look at the mailbox and enter again.
struct InterruptedExit {};
/// The realm has ended while another vCPU was told why: this one has nothing left to do.
struct ShutdownExit {};
/// The kernel says that this vCPU cannot go on.
struct FailedExit {
    std::uint32_t reason;  // KVM_EXIT_*
    std::uint64_t detail;
    int error_number;  // of the ioctl, 0 if it succeeded
};

using Exit = std::variant<MmioExit, HypercallExit, SystemEventExit, MemoryFaultExit,
                          InterruptedExit, ShutdownExit, FailedExit>;

}  // namespace rvmm::vmm::kvm
