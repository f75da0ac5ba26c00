// The smallest loop around KVM_RUN that can run mmio_reads: what its MMIO exits cost at least. One
// vCPU, RAM and a UART that is never busy; no interrupt controller.
//
//   mmio_loop GUEST BOOTARGS
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <libfdt.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr std::uint64_t kRam = 0x8000'0000;
constexpr std::uint64_t kRamSize = 64 << 20;
constexpr std::uint64_t kFdt = kRam + (16 << 20);
constexpr std::uint64_t kUart = 0x100'0000;
constexpr int kFdtSize = 4096;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

int call(int fd, unsigned long request, const void* argument, const char* name) {
    const int result = ::ioctl(fd, request, argument);
    if (result < 0) die(name);
    return result;
}

/// What the guest's runtime wants to know of its machine.
void write_fdt(void* at, const char* bootargs) {
    const std::uint64_t reg[] = {cpu_to_fdt64(kRam), cpu_to_fdt64(kRamSize)};
    int error = fdt_create(at, kFdtSize) | fdt_finish_reservemap(at) | fdt_begin_node(at, "") |
                fdt_property_u32(at, "#address-cells", 2) | fdt_property_u32(at, "#size-cells", 2);
    error |= fdt_begin_node(at, "chosen") | fdt_property_string(at, "bootargs", bootargs) |
             fdt_end_node(at);
    error |= fdt_begin_node(at, "memory@80000000") | fdt_property(at, "reg", reg, sizeof reg) |
             fdt_end_node(at);
    error |=
        fdt_begin_node(at, "psci") | fdt_property_string(at, "method", "hvc") | fdt_end_node(at);
    error |= fdt_begin_node(at, "cpus") | fdt_property_u32(at, "#address-cells", 1) |
             fdt_property_u32(at, "#size-cells", 0) | fdt_begin_node(at, "cpu@0") |
             fdt_property_u32(at, "reg", 0) | fdt_end_node(at) | fdt_end_node(at);
    error |= fdt_end_node(at) | fdt_finish(at);
    if (error != 0) {
        std::fputs("no device tree\n", stderr);
        std::exit(1);
    }
}

void load(int vm, const char* guest, const char* bootargs) {
    void* ram =
        ::mmap(nullptr, kRamSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ram == MAP_FAILED) die("mmap");
    const int file = ::open(guest, O_RDONLY);
    if (file < 0 || ::read(file, ram, kFdt - kRam) <= 0) die(guest);
    ::close(file);
    write_fdt(static_cast<char*>(ram) + (kFdt - kRam), bootargs);
    kvm_userspace_memory_region region = {};
    region.guest_phys_addr = kRam;
    region.memory_size = kRamSize;
    region.userspace_addr = reinterpret_cast<std::uint64_t>(ram);
    call(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
}

void set_register(int vcpu, std::uint64_t index, std::uint64_t value) {
    kvm_one_reg reg = {};
    reg.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | index;
    reg.addr = reinterpret_cast<std::uint64_t>(&value);
    call(vcpu, KVM_SET_ONE_REG, &reg, "KVM_SET_ONE_REG");
}

void answer(kvm_run& run) {
    if (run.mmio.is_write) {
        if (run.mmio.phys_addr == kUart) std::putchar(run.mmio.data[0]);
        return;
    }
    std::memset(run.mmio.data, 0, sizeof run.mmio.data);
    if (run.mmio.phys_addr == kUart + 5) run.mmio.data[0] = 0x60;  // LSR: nothing waits
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: mmio_loop GUEST BOOTARGS\n", stderr);
        return 64;
    }
    const int kvm = ::open("/dev/kvm", O_RDWR);
    if (kvm < 0) die("/dev/kvm");
    const int vm = call(kvm, KVM_CREATE_VM, nullptr, "KVM_CREATE_VM");
    load(vm, argv[1], argv[2]);
    const int vcpu = call(vm, KVM_CREATE_VCPU, nullptr, "KVM_CREATE_VCPU");
    kvm_vcpu_init init = {};
    call(vm, KVM_ARM_PREFERRED_TARGET, &init, "KVM_ARM_PREFERRED_TARGET");
    init.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
    call(vcpu, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
    set_register(vcpu, KVM_REG_ARM_CORE_REG(regs.regs[0]), kFdt);
    set_register(vcpu, KVM_REG_ARM_CORE_REG(regs.pc), kRam);
    const auto size = static_cast<std::size_t>(
        call(kvm, KVM_GET_VCPU_MMAP_SIZE, nullptr, "KVM_GET_VCPU_MMAP_SIZE"));
    void* shared = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (shared == MAP_FAILED) die("mmap");
    kvm_run& run = *static_cast<kvm_run*>(shared);
    for (;;) {
        call(vcpu, KVM_RUN, nullptr, "KVM_RUN");
        if (run.exit_reason == KVM_EXIT_MMIO) {
            answer(run);
        } else if (run.exit_reason == KVM_EXIT_SYSTEM_EVENT) {
            return 0;
        } else {
            std::fprintf(stderr, "exit %u\n", run.exit_reason);
            return 1;
        }
    }
}
