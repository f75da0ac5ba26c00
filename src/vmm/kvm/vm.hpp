// One wrapper for each kernel object: /dev/kvm, a VM, a vCPU, an in-kernel device.
// Sources: Documentation/virt/kvm/api.rst, devices/vm.rst, devices/arm-vgic-v3.rst, -its.rst.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/mapping.hpp"
#include "base/unique_fd.hpp"
#include "vmm/kvm/driver.hpp"
#include "vmm/kvm/exit.hpp"

namespace rvmm::vmm::kvm {

class Vm;

/// /dev/kvm.
class System {
  public:
    /// Errors (Stage::kHostCannot) say what to do: no device, no permission, a strange API version.
    static Result<System> open(Driver& driver);

    /// KVM_CHECK_EXTENSION: 0 where the kernel does not know it.
    long capability(unsigned long number) const;
    /// The largest IPA size in bits of an ordinary VM; 40 where the kernel cannot say.
    unsigned max_ipa_bits() const;

    /// KVM_CREATE_VM for an ordinary VM of `ipa_bits` (32 to max_ipa_bits()).
    Result<Vm> create_vm(unsigned ipa_bits) const;
    /// KVM_CREATE_VM with this type as it is. The VM, or the errno.
    std::expected<Vm, int> try_create_vm(std::uint64_t type) const;

    Driver& driver() const { return *driver_; }

  private:
    System(Driver& driver, UniqueFd fd, std::size_t run_size)
        : driver_(&driver), fd_(std::move(fd)), run_size_(run_size) {}
    Driver* driver_;
    UniqueFd fd_;
    std::size_t run_size_;
};

/// What KVM_ARM_VCPU_INIT is told beyond PSCI 0.2, which every vCPU has.
struct VcpuFeatures {
    bool powered_off = false;
    bool sve = false;
    bool pmu = false;
    std::optional<unsigned> rec = {};  // the bit that makes it a REC, where the revision has one
};

/// Used by its own thread only, except kick().
class Vcpu {
  public:
    std::uint32_t index() const { return index_; }

    /// KVM_ARM_VCPU_INIT: resets it. A vCPU that starts powered off waits inside run() for PSCI.
    Result<> init(const VcpuFeatures& features);
    /// The same, but what the kernel answers: 0, or -errno.
    long try_init(const VcpuFeatures& features);
    /// KVM_ARM_VCPU_FINALIZE of a feature bit. 0, or -errno.
    long finalize(unsigned feature);
    Result<> set_x(unsigned number, std::uint64_t value);
    Result<std::uint64_t> x(unsigned number) const;
    Result<> set_pc(std::uint64_t value);
    /// MPIDR_EL1 as KVM made it, affinity fields only.
    Result<std::uint64_t> mpidr() const;
    /// ID_AA64DFR0_EL1 as the guest sees it.
    Result<std::uint64_t> id_aa64dfr0() const;
    Result<> set_id_aa64dfr0(std::uint64_t value);
    /// PMCR_EL0: bits 15:11 are the number of counters.
    Result<std::uint64_t> pmcr() const;
    Result<> set_pmcr(std::uint64_t value);
    /// The SVE vector lengths of a vCPU that has SVE and is not finalised: bit VQ - 1 of 512, where
    /// VQ is the length in units of 128 bits.
    using SveLengths = std::array<std::uint64_t, 8>;
    Result<SveLengths> sve_lengths() const;
    Result<> set_sve_lengths(const SveLengths& lengths);
    /// The PMU's interrupt (an INTID of a PPI), and its initialisation. After the GIC is made.
    Result<> init_pmu(std::uint32_t interrupt);
    /// KVM_SET_MP_STATE(STOPPED): the next run() waits for PSCI CPU_ON.
    Result<> power_off();

    /// KVM_RUN, once.
    Exit run();
    /// KVM_RUN that ends before the guest is entered: what the kernel does at a VM's first run is
    /// done by it. 0, or the errno; exits are not decoded.
    int prepare_to_run();
    /// Any vCPU ioctl that has no function here. Its result, or -errno.
    template <class Record>
    long call(unsigned long request, Record* record) {
        return driver_->ioctl(fd_.get(), request, reinterpret_cast<std::uintptr_t>(record));
    }
    /// The data of the read that the last MmioExit asked for.
    void finish_mmio_read(const std::array<std::byte, 8>& data, std::size_t length);

    /// Any thread: makes the run() in progress, or else the next one, return InterruptedExit, if
    /// the thread in it is also sent a signal. See vcpu_thread.hpp for the protocol.
    void request_exit();
    /// Its own thread: forgets a request.
    void clear_exit_request();

  private:
    friend class Vm;
    Vcpu(Driver& driver, UniqueFd fd, Mapping run, std::uint32_t index, std::uint32_t target)
        : driver_(&driver),
          fd_(std::move(fd)),
          run_(std::move(run)),
          index_(index),
          target_(target) {}
    /// `value` is an unsigned integer or an array of them, as large as the id says.
    template <class Value>
    Result<> set_register(std::uint64_t id, Value value, std::string_view name);
    template <class Value = std::uint64_t>
    Result<Value> get_register(std::uint64_t id, std::string_view name) const;

    Driver* driver_;
    UniqueFd fd_;
    Mapping run_;
    std::uint32_t index_;
    std::uint32_t target_;
};

/// Calls [first, first + count) that come to userspace.
struct SmcccRange {
    std::uint32_t first;
    std::uint32_t count;
};

struct GicAddresses {
    Ipa distributor;
    Ipa redistributors;
    std::uint32_t redistributor_count;
    std::optional<Ipa> its;
    std::uint32_t interrupt_count;  // SGIs, PPIs and SPIs
};

class Vm {
  public:
    /// A memslot on `host`, which outlives the VM. Whole pages.
    Result<> add_memory(std::uint32_t slot, IpaRange range, void* host);
    Result<Vcpu> create_vcpu(std::uint32_t index);
    /// Makes the VGICv3 and, if it has an address, the ITS. After all vCPUs.
    Result<> create_gic(const GicAddresses& addresses);
    /// The SMCCC filter. Before any vCPU runs. Errors: the kernel is older than 6.4.
    Result<> forward_smccc(SmcccRange range);
    /// Sets the level of shared peripheral interrupt `spi` (0 is INTID 32). Any thread.
    Result<> set_spi(std::uint32_t spi, bool level);
    /// KVM_CHECK_EXTENSION on the VM: 0 where the kernel does not know it.
    long capability(unsigned long number) const;
    /// Any VM ioctl that has no function here. Its result, or -errno.
    template <class Record>
    long call(unsigned long request, Record* record) const {
        return driver_->ioctl(fd_.get(), request, reinterpret_cast<std::uintptr_t>(record));
    }
    Driver& driver() const { return *driver_; }

  private:
    friend class System;
    Vm(Driver& driver, UniqueFd fd, std::size_t run_size)
        : driver_(&driver), fd_(std::move(fd)), run_size_(run_size) {}
    Result<std::uint32_t> preferred_target();
    Result<UniqueFd> create_device(std::uint32_t type, std::string_view name);
    Result<> set_attribute(int device, std::uint32_t group, std::uint64_t attribute,
                           const std::uint64_t* value, std::string_view what);

    Driver* driver_;
    UniqueFd fd_;
    std::size_t run_size_;
    std::optional<std::uint32_t> target_;
    UniqueFd gic_;
    UniqueFd its_;
};

}  // namespace rvmm::vmm::kvm
