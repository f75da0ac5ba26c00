#include "vmm/fake_kvm.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

constexpr std::uint64_t kCore = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE;
constexpr std::uint64_t x_id(unsigned n) {
    return kCore | (offsetof(kvm_regs, regs.regs) / 4 + 2 * n);
}
constexpr std::uint64_t kPc = kCore | (offsetof(kvm_regs, regs.pc) / 4);
constexpr std::uint64_t kMpidr = ARM64_SYS_REG(3, 0, 0, 0, 5);
constexpr std::size_t kRunSize = 4096;

template <class T>
T& at(std::uintptr_t argument) {
    return *reinterpret_cast<T*>(argument);
}

}  // namespace

std::uint64_t FakeKvm::Vcpu::x(unsigned number) const {
    const auto found = registers.find(x_id(number));
    return found == registers.end() ? 0 : found->second;
}
void FakeKvm::Vcpu::set_x(unsigned number, std::uint64_t value) {
    registers[x_id(number)] = value;
}
std::uint64_t FakeKvm::Vcpu::pc() const {
    return registers.contains(kPc) ? registers.at(kPc) : 0;
}

FakeKvm::FakeKvm() = default;
FakeKvm::~FakeKvm() = default;

int FakeKvm::make(Object object) {
    const int fd = ::eventfd(0, EFD_CLOEXEC);
    objects_[fd] = object;
    return fd;
}

int FakeKvm::open_kvm() {
    const std::lock_guard lock(mutex_);
    return open_error != 0 ? -open_error : make({Kind::kSystem});
}

Result<Mapping> FakeKvm::map_run(int vcpu_fd, std::size_t size) {
    RVMM_TRY(auto mapping, Mapping::create("fake kvm_run", size, PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_ANONYMOUS, -1));
    const std::lock_guard lock(mutex_);
    runs_[objects_.at(vcpu_fd).id] = mapping.data();
    return mapping;
}

long FakeKvm::ioctl(int fd, unsigned long request, std::uintptr_t argument) {
    std::unique_lock lock(mutex_);
    if (calls_++ == failing_call_) return -failure_;
    const Object object = objects_.at(fd);
    switch (object.kind) {
        case Kind::kVm:
            return vm_ioctl(request, argument);
        case Kind::kDevice:
            return device_ioctl(request, argument);
        case Kind::kVcpu: {
            Vcpu& vcpu = vcpus_.at(object.id);
            if (request != KVM_RUN) return vcpu_ioctl(vcpu, request, argument);
            has_run_ = true;
            lock.unlock();
            return run(vcpu);
        }
        case Kind::kSystem:
            break;
    }
    switch (request) {
        case KVM_GET_API_VERSION:
            return KVM_API_VERSION;
        case KVM_GET_VCPU_MMAP_SIZE:
            return kRunSize;
        case KVM_CHECK_EXTENSION:
            return argument == KVM_CAP_ARM_VM_IPA_SIZE ? ipa_bits : 0;
        case KVM_CREATE_VM:
            vm_types.push_back(argument);
            if ((argument & ~std::uint64_t{0xff}) != 0 || argument > ipa_bits) return -EINVAL;
            return make({Kind::kVm});
        default:
            ADD_FAILURE() << "unknown ioctl on /dev/kvm: " << request;
            return -ENOTTY;
    }
}

long FakeKvm::vm_ioctl(unsigned long request, std::uintptr_t argument) {
    switch (request) {
        case KVM_SET_USER_MEMORY_REGION: {
            const auto& region = at<kvm_userspace_memory_region>(argument);
            const std::uint64_t all =
                region.guest_phys_addr | region.memory_size | region.userspace_addr;
            if (all % 4096 != 0 || region.memory_size == 0) return -EINVAL;
            for (const auto& other : slots_) {
                const bool apart =
                    region.guest_phys_addr >= other.guest_phys_addr + other.memory_size ||
                    other.guest_phys_addr >= region.guest_phys_addr + region.memory_size;
                if (!apart) return -EEXIST;
            }
            slots_.push_back(region);
            return 0;
        }
        case KVM_ARM_PREFERRED_TARGET:
            at<kvm_vcpu_init>(argument) = {};
            return 0;
        case KVM_CREATE_VCPU: {
            const auto id = static_cast<std::uint32_t>(argument);
            if (vcpus_.contains(id)) return -EEXIST;
            Vcpu& vcpu = vcpus_[id];
            vcpu.id = id;
            vcpu.registers[kMpidr] =
                ((1ULL << 31) | (id & 15) | (((id >> 4) & 255) << 8)) ^ mpidr_xor;
            return make({Kind::kVcpu, id});
        }
        case KVM_CREATE_DEVICE: {
            auto& device = at<kvm_create_device>(argument);
            device.fd = static_cast<std::uint32_t>(make({Kind::kDevice, device.type}));
            return 0;
        }
        case KVM_SET_DEVICE_ATTR:
            return set_attribute(at<kvm_device_attr>(argument));
        case KVM_IRQ_LINE: {
            const auto& irq = at<kvm_irq_level>(argument);
            spis_[(irq.irq & 0xffff) - 32] = irq.level != 0;
            return 0;
        }
        case KVM_CHECK_EXTENSION:
            return 0;
        default:
            ADD_FAILURE() << "unknown VM ioctl: " << request;
            return -ENOTTY;
    }
}

long FakeKvm::set_attribute(const kvm_device_attr& attribute) {
    EXPECT_EQ(attribute.group, static_cast<unsigned>(KVM_ARM_VM_SMCCC_CTRL));
    const auto& filter = at<kvm_smccc_filter>(attribute.addr);
    if (has_run_) return -EBUSY;
    // KVM keeps the Arm architecture calls to itself.
    if ((filter.base & 0x3fff'0000) == 0 || filter.action != KVM_SMCCC_FILTER_FWD_TO_USER)
        return -EINVAL;
    for (std::uint32_t i = 0; i < filter.nr_functions; ++i)
        if (!forwarded_.insert(filter.base + i).second) return -EEXIST;
    return 0;
}

long FakeKvm::device_ioctl(unsigned long request, std::uintptr_t argument) {
    EXPECT_EQ(request, static_cast<unsigned long>(KVM_SET_DEVICE_ATTR));
    const auto& attribute = at<kvm_device_attr>(argument);
    if (attribute.group == KVM_DEV_ARM_VGIC_GRP_ADDR)
        gic_addresses_.push_back(at<std::uint64_t>(attribute.addr));
    return 0;
}

long FakeKvm::vcpu_ioctl(Vcpu& vcpu, unsigned long request, std::uintptr_t argument) {
    switch (request) {
        case KVM_ARM_VCPU_INIT: {
            const auto& init = at<kvm_vcpu_init>(argument);
            vcpu.initialised = true;
            vcpu.powered_off = (init.features[0] & (1U << KVM_ARM_VCPU_POWER_OFF)) != 0;
            return 0;
        }
        case KVM_SET_ONE_REG:
        case KVM_GET_ONE_REG: {
            if (!vcpu.initialised) return -ENOEXEC;
            const auto& reg = at<kvm_one_reg>(argument);
            if (request == KVM_SET_ONE_REG)
                vcpu.registers[reg.id] = at<std::uint64_t>(reg.addr);
            else
                at<std::uint64_t>(reg.addr) = vcpu.registers[reg.id];
            return 0;
        }
        case KVM_SET_MP_STATE:
            vcpu.powered_off = at<kvm_mp_state>(argument).mp_state == KVM_MP_STATE_STOPPED;
            return 0;
        default:
            ADD_FAILURE() << "unknown vCPU ioctl: " << request;
            return -ENOTTY;
    }
}

long FakeKvm::run(Vcpu& vcpu) {
    auto& run_area = *reinterpret_cast<kvm_run*>(runs_.at(vcpu.id));
    const std::atomic_ref immediate_exit(run_area.immediate_exit);
    while (true) {
        if (immediate_exit.load(std::memory_order_acquire) != 0) return -EINTR;
        Step step;
        {
            const std::lock_guard lock(mutex_);
            auto& script = scripts_[vcpu.id];
            if (!vcpu.powered_off && !script.empty()) {
                step = std::move(script.front());
                script.pop_front();
            }
        }
        if (step) return step(vcpu, run_area);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
}

void FakeKvm::script(std::uint32_t id, std::vector<Step> steps) {
    const std::lock_guard lock(mutex_);
    scripts_[id].assign(std::make_move_iterator(steps.begin()),
                        std::make_move_iterator(steps.end()));
}

void FakeKvm::fail_call(int nth, int error_number) {
    const std::lock_guard lock(mutex_);
    failing_call_ = nth;
    failure_ = error_number;
}

int FakeKvm::calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
}

FakeKvm::Vcpu& FakeKvm::vcpu(std::uint32_t id) {
    return vcpus_.at(id);
}
std::vector<kvm_userspace_memory_region> FakeKvm::slots() const {
    return slots_;
}
std::set<std::uint32_t> FakeKvm::forwarded() const {
    return forwarded_;
}
std::map<std::uint32_t, bool> FakeKvm::spis() const {
    const std::lock_guard lock(mutex_);
    return spis_;
}
std::vector<std::uint64_t> FakeKvm::gic_addresses() const {
    return gic_addresses_;
}

std::size_t FakeKvm::open_descriptors() const {
    std::size_t open = 0;
    for (const auto& [fd, object] : objects_)
        if (::fcntl(fd, F_GETFD) >= 0) ++open;
    return open;
}

FakeKvm::Step mmio_write(std::uint64_t address, std::uint32_t value, std::uint32_t length) {
    return [=](FakeKvm::Vcpu&, kvm_run& run) {
        run.exit_reason = KVM_EXIT_MMIO;
        run.mmio.phys_addr = address;
        run.mmio.len = length;
        run.mmio.is_write = 1;
        std::memcpy(run.mmio.data, &value, sizeof value);
        return 0L;
    };
}

FakeKvm::Step mmio_read(std::uint64_t address, std::uint32_t length) {
    return [=](FakeKvm::Vcpu&, kvm_run& run) {
        run.exit_reason = KVM_EXIT_MMIO;
        run.mmio.phys_addr = address;
        run.mmio.len = length;
        run.mmio.is_write = 0;
        return 0L;
    };
}

FakeKvm::Step smc(std::uint64_t x0, std::uint64_t x1, std::uint64_t x2, std::uint64_t x3) {
    return [=](FakeKvm::Vcpu& vcpu, kvm_run& run) {
        vcpu.set_x(0, x0);
        vcpu.set_x(1, x1);
        vcpu.set_x(2, x2);
        vcpu.set_x(3, x3);
        run.exit_reason = KVM_EXIT_HYPERCALL;
        run.hypercall.nr = static_cast<std::uint32_t>(x0);
        run.hypercall.flags = KVM_HYPERCALL_EXIT_SMC;
        return 0L;
    };
}

FakeKvm::Step system_event(std::uint32_t type) {
    return [=](FakeKvm::Vcpu&, kvm_run& run) {
        run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
        run.system_event.type = type;
        return 0L;
    };
}

FakeKvm::Step exit_reason(std::uint32_t reason) {
    return [=](FakeKvm::Vcpu&, kvm_run& run) {
        run.exit_reason = reason;
        return 0L;
    };
}

}  // namespace rvmm::vmm
