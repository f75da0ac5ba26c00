// A VM: what its descriptors share.
#pragma once

#include <memory>
#include <set>

#include "fake_kvm/gic.hpp"
#include "fake_kvm/host.hpp"
#include "fake_kvm/memory.hpp"
#include "fake_kvm/realm.hpp"
#include "fake_kvm/vcpu.hpp"
#include "fake_kvm/wiring.hpp"

namespace rvmm::vmm::fake {

class Vm {
  public:
    Vm(Host& host, bool is_realm, unsigned bits);
    /// When the last descriptor that keeps the VM alive is closed.
    void close();

    Host& host;
    const unsigned ipa_bits;
    GuestMemory memory;
    Gic gic;
    Wiring wiring;
    std::optional<Realm> realm;
    std::map<std::uint32_t, Vcpu> vcpus;
    std::vector<std::uint32_t> vcpu_order;  // ids as they were created
    std::set<std::uint32_t> forwarded;
    std::map<std::uint32_t, bool> spis;
    std::optional<std::uint32_t> features;  // of all vCPUs, from the first KVM_ARM_VCPU_INIT on
    std::uint64_t dfr0 = 0;                 // the same
    unsigned pmu_counters = 0;
    bool has_run = false;
    bool ended = false;  // SYSTEM_OFF, SYSTEM_RESET
    bool dead = false;   // every call is EIO
    bool closed = false;

    bool is_realm() const { return realm.has_value(); }
    std::uint64_t shared_bit() const { return is_realm() ? 1ULL << (ipa_bits - 1) : 0; }
    Phase phase() const;
    bool has_pmu() const;

    // Calls. -errno, or what the ioctl returns.
    long create_vcpu(std::uint64_t id, std::uint64_t mpidr_xor);
    long set_smccc_filter(const kvm_device_attr& attribute);
    long set_line(const kvm_irq_level& line);
    long enable_cap(const kvm::abi::EnableCap& request);

    /// KVM_RUN until just before immediate_exit is looked at: 0, or -errno.
    long prepare_run(Vcpu& vcpu);
    /// The entry into the guest: what the last exit left to do. More than 0: the guest runs.
    long enter(Vcpu& vcpu, kvm_run& run);

    /// PSCI, by the kernel. More than 0: the guest goes on.
    long psci(Vcpu& vcpu, kvm_run& run, std::uint32_t function);
    long end(kvm_run& run, std::uint32_t event);

  private:
    long map_gic(Vcpu& vcpu);
};

}  // namespace rvmm::vmm::fake
