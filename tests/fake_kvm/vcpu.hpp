// A vCPU: its features, registers and what it is waiting for.
// Source: kvm-realm-abi.md sections 4 and 5, kvm-realm-abi-v10.md sections 4 and 5.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include <linux/kvm.h>

#include "base/address.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::fake {

class Vm;

struct Vcpu {
    std::uint32_t id = 0;
    bool initialised = false;
    bool powered_off = false;
    std::map<std::uint64_t, std::uint64_t> registers;  // by KVM id; the 64-bit ones
    std::uint64_t x(unsigned number) const;
    void set_x(unsigned number, std::uint64_t value);
    std::uint64_t pc() const;
    void set_pc(std::uint64_t value);
    /// What the VMM answered to the last MMIO read, once the access is complete.
    std::uint64_t mmio_data = 0;
    /// Accesses that the RMM answered with an abort, which the VMM does not see.
    unsigned aborts = 0;

    /// A request of the guest, which the kernel carries out when the vCPU is entered again.
    struct RipasChange {
        IpaRange range;
        bool to_ram;
    };

    // The fake's own.
    Vm* vm = nullptr;
    std::uint32_t features = 0;
    bool sve_finalised = false;
    std::uint32_t sve_vqs = 0;  // bit VQ - 1
    bool rec_made = false;
    bool rec_broken = false;  // v10: FINALIZE failed half way, and for good
    bool has_run = false;
    bool runs_again = false;  // a step sets it: the same instruction again at the next entry
    unsigned races = 0;       // entries that will say EAGAIN
    std::optional<RipasChange> ripas_change;
    std::optional<decltype(kvm_run::mmio)> mmio;  // an access that waits to be completed
    unsigned mmio_repeats = 0;
    bool has_pmu_interrupt = false;
};

/// KVM_REG ids.
std::uint64_t x_id(unsigned number);
std::uint64_t pc_id();
inline constexpr std::uint64_t kMpidrId = 0x6030'0000'0013'C005;

// The ioctls of a vCPU but for KVM_RUN. -errno, or what the ioctl returns.
long init(Vcpu& vcpu, const kvm_vcpu_init& request);
/// `feature` is the bit's number.
long finalize(Vcpu& vcpu, int feature);
long set_register(Vcpu& vcpu, const kvm_one_reg& reg);
long get_register(Vcpu& vcpu, const kvm_one_reg& reg);
long has_attribute(Vcpu& vcpu, const kvm_device_attr& attribute);
long set_attribute(Vcpu& vcpu, const kvm_device_attr& attribute);

}  // namespace rvmm::vmm::fake
