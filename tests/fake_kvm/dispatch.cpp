// Which object answers an ioctl, and how its argument is read.
#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "fake_kvm/capabilities.hpp"
#include "fake_kvm/fake_kvm.hpp"
#include "fake_kvm/host_memory.hpp"

namespace rvmm::vmm {

namespace abi = kvm::abi;
using fake::record_at;

namespace {

constexpr std::size_t kRunSize = 4096;

// What is issued, with NULL, to see which revision this is: sheet 1.3, v10 sheet 10.
constexpr std::array kProbes = {abi::kPopulateV12, abi::kPopulateV13, abi::kSetMemoryAttributes2,
                                abi::kPsciCompleteV8, abi::kPsciCompleteV5};

}  // namespace

long FakeKvm::unknown(std::string_view what, unsigned long request, std::uintptr_t argument) {
    if (argument == 0 && std::ranges::find(kProbes, request) != kProbes.end()) return -EINVAL;
    ADD_FAILURE() << "unknown ioctl of " << what << ": " << std::hex << request;
    return -EINVAL;
}

long FakeKvm::ioctl(int fd, unsigned long request, std::uintptr_t argument) {
    std::unique_lock lock(host_.mutex);
    if (const int error = injected(request); error != 0) return -error;
    const auto found = objects_.find(fd);
    if (found == objects_.end()) {
        ADD_FAILURE() << "ioctl on a descriptor that is not KVM's";
        return -ENOTTY;
    }
    const Object object = found->second;
    if (object.vm) current_ = object.vm;
    if (object.vm && object.vm->dead) return -EIO;
    switch (object.kind) {
        case Kind::kSystem:
            return system_ioctl(request, argument);
        case Kind::kVm:
            return vm_ioctl(object, request, argument);
        case Kind::kGmem:
            return gmem_ioctl(object, request, argument);
        case Kind::kDevice: {
            const auto attribute = record_at<kvm_device_attr>(argument);
            if (request != KVM_SET_DEVICE_ATTR || !attribute)
                return unknown("a device", request, argument);
            return object.vm->gic.set_attribute(object.id, *attribute);
        }
        case Kind::kVcpu:
            break;
    }
    Vcpu& vcpu = object.vm->vcpus.at(object.id);
    if (request != KVM_RUN) return vcpu_ioctl(vcpu, request, argument);
    lock.unlock();
    return run(vcpu);
}

// ---- /dev/kvm ----------------------------------------------------------------------------------

long FakeKvm::system_ioctl(unsigned long request, std::uintptr_t argument) {
    switch (request) {
        case KVM_GET_API_VERSION:
            return KVM_API_VERSION;
        case KVM_GET_VCPU_MMAP_SIZE:
            return kRunSize;
        case KVM_CHECK_EXTENSION:
            return fake::capability(host_, fake::AskedOn::kSystem, argument);
        case KVM_CREATE_VM:
            return create_vm(argument);
        default:
            return unknown("/dev/kvm", request, argument);
    }
}

// Sheet 2. Trying types and sizes is how a VMM finds out: nothing here fails a test.
long FakeKvm::create_vm(std::uint64_t type) {
    constexpr unsigned kLeastBits = 32;
    constexpr unsigned kDefaultBits = 40;
    reap();
    vm_types.push_back(type);
    const fake::Rules& rules = host_.rules;
    const bool is_realm = rules.realm_type != 0 && (type & rules.realm_type) != 0;
    if ((type & ~(0xffULL | rules.realm_type)) != 0) return -EINVAL;
    if (is_realm && !host_.has_realms()) return -rules.without_rmm;
    const auto asked = static_cast<unsigned>(type & 0xff);
    const unsigned bits = asked == 0 ? kDefaultBits : asked;
    const unsigned most = is_realm ? host_.options.rmm_ipa_bits : host_.options.ipa_bits;
    if (bits < kLeastBits || bits > most) return -EINVAL;
    current_ = std::make_shared<fake::Vm>(host_, is_realm, bits);
    vms_.push_back(current_);
    return make({.kind = Kind::kVm, .vm = current_});
}

// ---- A VM --------------------------------------------------------------------------------------

long FakeKvm::vm_ioctl(const Object& object, unsigned long request, std::uintptr_t argument) {
    fake::Vm& vm = *object.vm;
    switch (request) {
        case KVM_CHECK_EXTENSION:
            return fake::capability(
                host_, vm.is_realm() ? fake::AskedOn::kRealm : fake::AskedOn::kOrdinaryVm,
                argument);
        case KVM_ARM_PREFERRED_TARGET: {
            kvm_vcpu_init init = {};
            init.target = KVM_ARM_TARGET_GENERIC_V8;
            fake::store_record(argument, init);
            return 0;
        }
        case KVM_CREATE_VCPU: {
            const long error = vm.create_vcpu(argument, mpidr_xor);
            if (error != 0) return error;
            return make(
                {.kind = Kind::kVcpu, .vm = object.vm, .id = static_cast<std::uint32_t>(argument)});
        }
        case KVM_CREATE_DEVICE:
            return create_device(object, argument);
        case KVM_SET_DEVICE_ATTR:
            return vm.set_smccc_filter(*record_at<kvm_device_attr>(argument));
        case KVM_IRQ_LINE:
            return vm.set_line(*record_at<kvm_irq_level>(argument));
        case KVM_IOEVENTFD:
            return vm.wiring.set_doorbell(*record_at<kvm_ioeventfd>(argument));
        case KVM_IRQFD:
            return vm.wiring.connect(*record_at<kvm_irqfd>(argument), vm.gic.exists());
        case KVM_SET_GSI_ROUTING:
            return vm.wiring.set_routes(argument);
        case abi::kEnableCap:
            return vm.enable_cap(*record_at<abi::EnableCap>(argument));
        default:
            return memory_ioctl(vm, object, request, argument);
    }
}

long FakeKvm::memory_ioctl(fake::Vm& vm, const Object& object, unsigned long request,
                           std::uintptr_t argument) {
    if (request == host_.rules.populate && request != 0)
        return vm.is_realm() ? vm.realm->populate(argument) : -host_.rules.populate_ordinary;
    switch (request) {
        case KVM_SET_USER_MEMORY_REGION: {
            const auto given = *record_at<kvm_userspace_memory_region>(argument);
            abi::UserMemoryRegion2 region = {};
            region.slot = given.slot;
            region.flags = given.flags & ~abi::kMemGuestMemfd;
            region.guest_phys_addr = given.guest_phys_addr;
            region.memory_size = given.memory_size;
            region.userspace_addr = given.userspace_addr;
            return vm.memory.set_region(region, nullptr);
        }
        case abi::kSetUserMemoryRegion2: {
            const auto region = *record_at<abi::UserMemoryRegion2>(argument);
            return vm.memory.set_region(region, gmem_of(region.guest_memfd));
        }
        case abi::kCreateGuestMemfd:
            return create_gmem(object, argument);
        case abi::kSetMemoryAttributes:
            if (host_.rules.attributes != fake::Attributes::kOfVm)
                return host_.ledger.refuse(EINVAL, "attributes are not the VM's here (sheet 12)");
            return vm.memory.set_attributes(*record_at<abi::MemoryAttributes>(argument),
                                            vm.phase());
        default:
            return unknown("a VM", request, argument);
    }
}

std::shared_ptr<fake::Gmem> FakeKvm::gmem_of(std::uint32_t fd) {
    const auto found = objects_.find(static_cast<int>(fd));
    return found == objects_.end() ? nullptr : found->second.gmem;
}

long FakeKvm::create_gmem(const Object& object, std::uintptr_t argument) {
    long error = 0;
    const auto request = record_at<abi::CreateGuestMemfd>(argument);
    auto gmem = object.vm->memory.create_gmem(*request, error);
    if (!gmem) return error;
    const int fd = make({.kind = Kind::kGmem, .vm = object.vm, .gmem = gmem});
    if (gmem->flags != 0 && ::ftruncate(fd, static_cast<off_t>(gmem->size)) != 0) return -ENOMEM;
    return fd;
}

long FakeKvm::create_device(const Object& object, std::uintptr_t argument) {
    auto device = *record_at<kvm_create_device>(argument);
    const long error = object.vm->gic.create(device.type, object.vm->has_run);
    if (error != 0) return error;
    device.fd = static_cast<std::uint32_t>(
        make({.kind = Kind::kDevice, .vm = object.vm, .id = device.type}));
    fake::store_record(argument, device);
    return 0;
}

// ---- Others ------------------------------------------------------------------------------------

long FakeKvm::gmem_ioctl(const Object& object, unsigned long request, std::uintptr_t argument) {
    const bool has =
        host_.rules.attributes == fake::Attributes::kOfGmem && host_.options.gmem_attributes;
    if (request != abi::kSetMemoryAttributes2 || !has) {
        if (argument == 0) return -ENOTTY;
        return host_.ledger.refuse(ENOTTY, "guest_memfd has no attributes here (sheet 1.3)");
    }
    auto given = record_at<abi::MemoryAttributes2>(argument);
    if (!given) return -EFAULT;  // a probe: sheet 1.3
    fake::Vm& vm = *object.vm;
    const long done = vm.memory.set_gmem_attributes(*object.gmem, *given, vm.phase());
    fake::store_record(argument, *given);
    return done;
}

long FakeKvm::vcpu_ioctl(Vcpu& vcpu, unsigned long request, std::uintptr_t argument) {
    if (request == host_.rules.psci_complete && argument == 0 && vcpu.vm->is_realm())
        return -EFAULT;
    switch (request) {
        case KVM_ARM_VCPU_INIT:
            return fake::init(vcpu, *record_at<kvm_vcpu_init>(argument));
        case KVM_ARM_VCPU_FINALIZE:
            return fake::finalize(vcpu, *record_at<int>(argument));
        case KVM_SET_ONE_REG:
            return fake::set_register(vcpu, *record_at<kvm_one_reg>(argument));
        case KVM_GET_ONE_REG:
            return fake::get_register(vcpu, *record_at<kvm_one_reg>(argument));
        case KVM_HAS_DEVICE_ATTR:
            return fake::has_attribute(vcpu, *record_at<kvm_device_attr>(argument));
        case KVM_SET_DEVICE_ATTR:
            return fake::set_attribute(vcpu, *record_at<kvm_device_attr>(argument));
        case KVM_SET_MP_STATE:
            // No revision refuses it; but a realm's vCPUs start and stop by PSCI alone.
            if (vcpu.vm->is_realm())
                host_.ledger.violation("SET_MP_STATE of a realm's vCPU: use POWER_OFF (sheet 4)");
            vcpu.powered_off = record_at<kvm_mp_state>(argument)->mp_state == KVM_MP_STATE_STOPPED;
            return 0;
        default:
            return unknown("a vCPU", request, argument);
    }
}

}  // namespace rvmm::vmm
