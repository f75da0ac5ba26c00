// The command line of the lab's QEMU, whole: what changes here changes every lab.
#include "vmm/lab/qemu_arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rvmm::vmm::lab {
namespace {

using testing::Contains;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Not;

constexpr QemuFds kFds{10, 11, 12, 13};

QemuMachine one_start() {
    return {.initramfs = 5, .initramfs_size = 4321, .payload = 6, .memory = 1ULL << 30, .cpus = 3};
}

TEST(QemuArguments, StockMachine_IsAsEver) {
    const LabConfig config{.qemu = "/q", .kernel = "/k"};
    const std::vector<std::string> wanted = {
        "/q",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-monitor",
        "none",
        "-nic",
        "none",
        "-M",
        "virt,virtualization=on,gic-version=3",
        "-cpu",
        "max,pauth-impdef=on",
        "-smp",
        "3",
        "-m",
        "1024M",
        "-kernel",
        "/k",
        "-initrd",
        "/proc/self/fd/5",
        "-append",
        "console=ttyAMA0 quiet panic=-1 cryptomgr.notests",
        "-chardev",
        "socket,id=log,fd=13",
        "-serial",
        "chardev:log",
        "-device",
        "virtio-serial-pci",
        "-chardev",
        "socket,id=console,fd=10",
        "-device",
        "virtserialport,chardev=console,name=org.rvmm.console",
        "-chardev",
        "socket,id=errors,fd=11",
        "-device",
        "virtserialport,chardev=errors,name=org.rvmm.stderr",
        "-chardev",
        "socket,id=control,fd=12",
        "-device",
        "virtserialport,chardev=control,name=org.rvmm.control",
        "-drive",
        "if=none,id=payload,format=raw,readonly=on,file=/proc/self/fd/6",
        "-device",
        "virtio-blk-pci,drive=payload",
    };
    EXPECT_THAT(qemu_arguments(config, one_start(), kFds), ElementsAreArray(wanted));
}

TEST(QemuArguments, NoPayload_IsNoDisk) {
    QemuMachine start = one_start();
    start.payload = -1;
    EXPECT_THAT(qemu_arguments({.qemu = "/q", .kernel = "/k"}, start, kFds),
                Not(Contains(HasSubstr("virtio-blk"))));
}

TEST(QemuArguments, DisksAndNetwork_ComeBehindThePayload) {
    QemuMachine start = one_start();
    start.disks = {{"/images/a,b.img", false}, {"c.img", true}};
    start.network = true;
    const std::vector<std::string> wanted = {
        "virtio-blk-pci,drive=payload",
        "-drive",
        "if=none,id=disk0,format=raw,readonly=off,file=/images/a,,b.img",
        "-device",
        "virtio-blk-pci,drive=disk0,serial=rvmm-disk0",
        "-drive",
        "if=none,id=disk1,format=raw,readonly=on,file=c.img",
        "-device",
        "virtio-blk-pci,drive=disk1,serial=rvmm-disk1",
        "-netdev",
        "user,id=net",
        "-device",
        "virtio-net-pci,netdev=net,romfile=",
    };
    const auto arguments = qemu_arguments({.qemu = "/q", .kernel = "/k"}, start, kFds);
    ASSERT_GE(arguments.size(), wanted.size());
    EXPECT_THAT(
        std::vector(arguments.end() - static_cast<std::ptrdiff_t>(wanted.size()), arguments.end()),
        ElementsAreArray(wanted));
}

// As a CCA machine has it: a firmware that starts a kernel in memory.
TEST(QemuArguments, KernelInMemory_IsLoadedAndToldWhereItsInitramfsIs) {
    const LabConfig config{.machine = {.machine = "virt,secure=on",
                                       .cpu = "max,x-rme=on",
                                       .firmware = "/fw/flash,1.bin",
                                       .arguments = {"-icount", "7"},
                                       .kernel_arguments = "nokaslr",
                                       .kernel_address = 0x48000000,
                                       .initrd_address = 0x60000000,
                                       .loader = {{"/fw/rmm,1.img", 0x4010'0000}}},
                           .qemu = "/q",
                           .kernel = "/k"};
    const std::vector<std::string> wanted = {
        "/q",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-monitor",
        "none",
        "-nic",
        "none",
        "-M",
        "virt,secure=on",
        "-cpu",
        "max,x-rme=on",
        "-smp",
        "3",
        "-m",
        "1024M",
        "-kernel",
        "/k",
        "-initrd",
        "/proc/self/fd/5",
        "-append",
        "console=ttyAMA0 quiet panic=-1 cryptomgr.notests initrd=0x60000000,4321 nokaslr",
        "-bios",
        "/fw/flash,1.bin",
        "-device",
        "loader,file=/k,addr=0x48000000,force-raw=on",
        "-device",
        "loader,file=/proc/self/fd/5,addr=0x60000000,force-raw=on",
        "-device",
        "loader,file=/fw/rmm,,1.img,addr=0x40100000,force-raw=on",
    };
    auto arguments = qemu_arguments(config, one_start(), kFds);
    EXPECT_EQ(arguments.back(), "7") << "the machine's own come last";
    EXPECT_EQ(*(arguments.end() - 2), "-icount");
    arguments.resize(wanted.size());
    EXPECT_THAT(arguments, ElementsAreArray(wanted));
}

TEST(QemuArguments, Flash_IsNeverChanged) {
    const LabConfig config{
        .machine = {.flash = {"/code.fd", "/variables.fd"}}, .qemu = "/q", .kernel = "/k"};
    const auto arguments = qemu_arguments(config, one_start(), kFds);
    for (const char* drive : {"if=pflash,unit=0,format=raw,snapshot=on,file=/code.fd",
                              "if=pflash,unit=1,format=raw,snapshot=on,file=/variables.fd"})
        EXPECT_THAT(arguments, Contains(drive));
}

}  // namespace
}  // namespace rvmm::vmm::lab
