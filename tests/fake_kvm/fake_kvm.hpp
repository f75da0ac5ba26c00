// A strict fake of arm64 KVM behind the ioctl seam, with and without the realm series: objects,
// rules, and vCPUs that take their exits from a script. See README.md here.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <linux/kvm.h>

#include "fake_kvm/host.hpp"
#include "fake_kvm/vm.hpp"
#include "vmm/kvm/driver.hpp"

namespace rvmm::vmm {

/// Thread-safe as a Driver. Accessors are for when no vCPU runs, or for a vCPU's own steps.
class FakeKvm final : public kvm::Driver {
  public:
    using Vcpu = fake::Vcpu;
    using Conversion = fake::GuestMemory::Conversion;
    /// What the guest does next: fills `run` and returns what KVM_RUN returns, or more than 0
    /// (kNoExit) if the guest just goes on.
    using Step = std::function<long(Vcpu&, kvm_run& run)>;
    static constexpr long kNoExit = 1;

    explicit FakeKvm(FakeOptions options = {});
    ~FakeKvm() override;

    int open_kvm() override;
    long ioctl(int fd, unsigned long request, std::uintptr_t argument) override;
    Result<Mapping> map_run(int vcpu_fd, std::size_t size) override;
    int punch_hole(int fd, std::uint64_t offset, std::uint64_t size) override;
    std::optional<std::uint64_t> module_parameter(std::string_view name) override;
    std::uint64_t page_size() override { return host_.options.page_size; }

    /// What vCPU `id` does, in order; afterwards its KVM_RUN waits for a kick.
    void script(std::uint32_t id, std::vector<Step> steps);

    // Failures.
    /// Makes the n-th call (from 0, of any kind) fail with `error_number`.
    void fail_call(int nth, int error_number);
    /// Makes the n-th ioctl `request` (from 0) fail with `error_number`.
    void fail_request(unsigned long request, int nth, int error_number);
    /// How many calls there have been.
    int calls() const;
    /// How many of them were this ioctl.
    int calls_of(unsigned long request) const;

    // Strictness. A call that the real kernel would refuse fails the test, and so does one that it
    // would take to the launch's harm.
    void set_strict(bool strict) { host_.ledger.strict = strict; }
    /// The next refusal with this errno is wanted.
    void expect_refusal(int error_number) { host_.ledger.expect_refusal(error_number); }
    void expect_violation() { host_.ledger.expect_violation(); }
    const std::vector<std::string>& refusals() const { return host_.ledger.refusals(); }
    const std::vector<std::string>& violations() const { return host_.ledger.violations(); }
    /// WARNs that the kernel would have printed; for ordinary VMs, which on v12 nobody can avoid.
    int kernel_warnings();
    int ordinary_warnings();

    FakeOptions& options() { return host_.options; }

    // The VM that was called last, also when it is closed.
    fake::Vm& vm();
    Vcpu& vcpu(std::uint32_t id) { return vm().vcpus.at(id); }
    std::vector<kvm_userspace_memory_region> slots();
    std::set<std::uint32_t> forwarded() { return vm().forwarded; }
    std::map<std::uint32_t, bool> spis();
    /// GIC frames by KVM_VGIC_* address type, as they were set.
    std::vector<std::uint64_t> gic_addresses() { return vm().gic.addresses(); }
    std::size_t vm_count() const { return vms_.size(); }

    // Its realm.
    measure::Digest rim() { return vm().realm ? vm().realm->rim() : measure::Digest(); }
    fake::Realm::State realm_state() { return vm().realm.value().state(); }
    bool is_private(IpaRange range) { return vm().memory.is_private(range); }
    bool is_shared(IpaRange range) { return vm().memory.is_shared(range); }
    /// Attribute changes since the realm runs.
    const std::vector<Conversion>& conversions() { return vm().memory.conversions; }

    struct Hole {
        int fd;
        bool guest_memfd;
        std::uint64_t offset;
        std::uint64_t size;
    };
    const std::vector<Hole>& holes() const { return holes_; }
    /// Descriptors that were handed out and are still open.
    std::size_t open_descriptors();

    int open_error = 0;                   // of /dev/kvm
    std::uint64_t mpidr_xor = 0;          // to give other MPIDRs than the architecture's
    std::vector<std::uint64_t> vm_types;  // that KVM_CREATE_VM was asked for

  private:
    enum class Kind : std::uint8_t { kSystem, kVm, kVcpu, kDevice, kGmem };
    struct Object {
        Kind kind = Kind::kSystem;
        std::shared_ptr<fake::Vm> vm = nullptr;
        std::uint32_t id = 0;  // of a vCPU; a device's type
        std::shared_ptr<fake::Gmem> gmem = nullptr;
        std::uint64_t inode = 0;
    };
    struct Failure {
        unsigned long request;
        int nth;
        int error_number;
    };

    int make(Object object);
    /// Forgets descriptors that were closed, and the VMs that none is left of.
    void reap();
    std::shared_ptr<fake::Gmem> gmem_of(std::uint32_t fd);
    int injected(unsigned long request);

    long system_ioctl(unsigned long request, std::uintptr_t argument);
    long create_vm(std::uint64_t type);
    long vm_ioctl(const Object& object, unsigned long request, std::uintptr_t argument);
    long memory_ioctl(fake::Vm& vm, const Object& object, unsigned long request,
                      std::uintptr_t argument);
    long create_gmem(const Object& object, std::uintptr_t argument);
    long create_device(const Object& object, std::uintptr_t argument);
    long vcpu_ioctl(Vcpu& vcpu, unsigned long request, std::uintptr_t argument);
    long gmem_ioctl(const Object& object, unsigned long request, std::uintptr_t argument);
    long unknown(std::string_view what, unsigned long request, std::uintptr_t argument);

    kvm_run& run_area(const Vcpu& vcpu);
    long run(Vcpu& vcpu);
    bool complete_mmio(Vcpu& vcpu, kvm_run& run);
    std::optional<long> begin_run(Vcpu& vcpu, kvm_run& run, bool immediate_exit);
    Step next_step(Vcpu& vcpu);
    long after(Vcpu& vcpu, kvm_run& run, Step step, long result);

    fake::Host host_;
    std::map<int, Object> objects_;
    std::vector<std::shared_ptr<fake::Vm>> vms_;
    std::shared_ptr<fake::Vm> current_;  // the one that was called last
    std::map<const Vcpu*, std::byte*> runs_;
    std::map<std::uint32_t, std::deque<Step>> scripts_;
    int failing_call_ = -1;
    int failure_ = 0;
    std::vector<Failure> failing_requests_;
    std::map<unsigned long, int> calls_of_;
    int calls_ = 0;
    std::vector<Hole> holes_;
};

}  // namespace rvmm::vmm
