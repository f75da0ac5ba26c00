// A small fake of arm64 KVM behind the ioctl seam: objects, registers, memslots, and vCPUs that
// take their exits from a script. A call that it does not know fails the test.
#pragma once

#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include <linux/kvm.h>

#include "vmm/kvm/driver.hpp"

namespace rvmm::vmm {

class FakeKvm final : public kvm::Driver {
  public:
    struct Vcpu {
        std::uint32_t id = 0;
        bool initialised = false;
        bool powered_off = false;
        std::map<std::uint64_t, std::uint64_t> registers;  // by KVM id
        std::uint64_t x(unsigned number) const;
        void set_x(unsigned number, std::uint64_t value);
        std::uint64_t pc() const;
    };
    /// One KVM_RUN: fills `run` and returns what the ioctl returns.
    using Step = std::function<long(Vcpu&, kvm_run& run)>;

    FakeKvm();
    ~FakeKvm() override;

    int open_kvm() override;
    long ioctl(int fd, unsigned long request, std::uintptr_t argument) override;
    Result<Mapping> map_run(int vcpu_fd, std::size_t size) override;
    int punch_hole(int, std::uint64_t, std::uint64_t) override { return -EBADF; }
    std::optional<std::uint64_t> module_parameter(std::string_view) override { return {}; }
    std::uint64_t page_size() override { return 4096; }

    /// What vCPU `id` does, in order; afterwards its KVM_RUN waits for a kick.
    void script(std::uint32_t id, std::vector<Step> steps);
    /// Makes the n-th call (from 0, of any kind) fail with `error_number`.
    void fail_call(int nth, int error_number);
    /// How many calls there have been.
    int calls() const;

    Vcpu& vcpu(std::uint32_t id);
    std::vector<kvm_userspace_memory_region> slots() const;
    std::set<std::uint32_t> forwarded() const;
    std::map<std::uint32_t, bool> spis() const;
    /// GIC frames by KVM_VGIC_* address type, as they were set.
    std::vector<std::uint64_t> gic_addresses() const;
    /// Descriptors that were handed out and are still open.
    std::size_t open_descriptors() const;

    int open_error = 0;  // of /dev/kvm
    unsigned ipa_bits = 48;
    std::uint64_t mpidr_xor = 0;          // to give other MPIDRs than the architecture's
    std::vector<std::uint64_t> vm_types;  // that KVM_CREATE_VM was asked for

  private:
    enum class Kind { kSystem, kVm, kVcpu, kDevice };
    struct Object {
        Kind kind;
        std::uint32_t id = 0;
    };
    int make(Object object);
    long vm_ioctl(unsigned long request, std::uintptr_t argument);
    long vcpu_ioctl(Vcpu& vcpu, unsigned long request, std::uintptr_t argument);
    long device_ioctl(unsigned long request, std::uintptr_t argument);
    long set_attribute(const kvm_device_attr& attribute);
    long run(Vcpu& vcpu);

    mutable std::mutex mutex_;
    std::map<int, Object> objects_;
    std::map<std::uint32_t, Vcpu> vcpus_;
    std::map<std::uint32_t, std::byte*> runs_;
    std::map<std::uint32_t, std::deque<Step>> scripts_;
    int failing_call_ = -1;
    int failure_ = 0;
    int calls_ = 0;
    std::vector<kvm_userspace_memory_region> slots_;
    std::set<std::uint32_t> forwarded_;
    std::map<std::uint32_t, bool> spis_;
    std::vector<std::uint64_t> gic_addresses_;
    bool has_run_ = false;
};

/// Steps of common exits.
FakeKvm::Step mmio_write(std::uint64_t address, std::uint32_t value, std::uint32_t length);
FakeKvm::Step mmio_read(std::uint64_t address, std::uint32_t length);
/// The guest sets X0 to X3 and makes an SMC.
FakeKvm::Step smc(std::uint64_t x0, std::uint64_t x1 = 0, std::uint64_t x2 = 0,
                  std::uint64_t x3 = 0);
FakeKvm::Step system_event(std::uint32_t type);
FakeKvm::Step exit_reason(std::uint32_t reason);

}  // namespace rvmm::vmm
