#include "vmm/lab/qemu_arguments.hpp"

#include "vmm/lab/memory_file.hpp"
#include "vmm/lab/protocol.hpp"

namespace rvmm::vmm::lab {
namespace {

using Arguments = std::vector<std::string>;

// cryptomgr.notests: the kernel's crypto self-tests cost a third of a second under emulation.
constexpr std::string_view kKernelCommandLine = "console=ttyAMA0 quiet panic=-1 cryptomgr.notests";

void add(Arguments& arguments, std::initializer_list<std::string> more) {
    arguments.insert(arguments.end(), more);
}

/// A path within an option: QEMU takes a comma that is there twice for one.
std::string quoted(const std::filesystem::path& path) {
    std::string text;
    for (const char c : path.native()) text.append(c == ',' ? 2 : 1, c);
    return text;
}

/// Adds a character device on an inherited socket.
void add_chardev(Arguments& arguments, std::string_view id, int fd) {
    add(arguments, {"-chardev", fmt::format("socket,id={},fd={}", id, fd)});
}

void add_port(Arguments& arguments, std::string_view id, std::string_view name, int fd) {
    add_chardev(arguments, id, fd);
    add(arguments, {"-device", fmt::format("virtserialport,chardev={},name={}", id, name)});
}

void add_loader(Arguments& arguments, const std::filesystem::path& file, std::uint64_t address) {
    add(arguments,
        {"-device", fmt::format("loader,file={},addr={:#x},force-raw=on", quoted(file), address)});
}

std::string kernel_command_line(const LabMachine& lab, const QemuMachine& machine) {
    std::string line(kKernelCommandLine);
    // Nobody else tells a kernel that a firmware starts where its initramfs is.
    if (lab.initrd_address)
        line += fmt::format(" initrd={:#x},{}", *lab.initrd_address, machine.initramfs_size);
    if (!lab.kernel_arguments.empty()) line += " " + lab.kernel_arguments;
    return line;
}

void add_firmware(Arguments& arguments, const LabConfig& config, const QemuMachine& machine) {
    const LabMachine& lab = config.machine;
    if (!lab.firmware.empty()) add(arguments, {"-bios", lab.firmware.native()});
    for (std::size_t unit = 0; unit < lab.flash.size(); ++unit)
        add(arguments, {"-drive", fmt::format("if=pflash,unit={},format=raw,snapshot=on,file={}",
                                              unit, quoted(lab.flash[unit]))});
    if (lab.kernel_address) add_loader(arguments, config.kernel, *lab.kernel_address);
    if (lab.initrd_address)
        add_loader(arguments, path_of_inherited(machine.initramfs), *lab.initrd_address);
    for (const LoaderItem& item : lab.loader) add_loader(arguments, item.file, item.address);
}

/// The guest finds them by serial number.
void add_disks(Arguments& arguments, const std::vector<LabDisk>& disks) {
    for (std::size_t i = 0; i < disks.size(); ++i)
        add(arguments, {"-drive",
                        fmt::format("if=none,id=disk{},format=raw,readonly={},file={}", i,
                                    disks[i].readonly ? "on" : "off", quoted(disks[i].path)),
                        "-device",
                        fmt::format("virtio-blk-pci,drive=disk{},serial={}{}", i,
                                    kLabDisks.substr(kLabDisks.rfind('/') + 1), i)});
}

}  // namespace

std::vector<std::string> qemu_arguments(const LabConfig& config, const QemuMachine& machine,
                                        const QemuFds& fds) {
    const LabMachine& lab = config.machine;
    Arguments arguments = {config.qemu.native()};
    add(arguments, {"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor",
                    "none", "-nic", "none"});
    add(arguments, {"-M", lab.machine, "-cpu", lab.cpu, "-smp", fmt::format("{}", machine.cpus),
                    "-m", fmt::format("{}M", machine.memory >> 20)});
    // With a firmware QEMU hands these over: the last one in the device tree, all to an EFI.
    add(arguments,
        {"-kernel", config.kernel.native(), "-initrd", path_of_inherited(machine.initramfs),
         "-append", kernel_command_line(lab, machine)});
    add_firmware(arguments, config, machine);
    add_chardev(arguments, "log", fds.kernel_log);
    add(arguments, {"-serial", "chardev:log", "-device", "virtio-serial-pci"});
    add_port(arguments, "console", kConsolePort, fds.console);
    add_port(arguments, "errors", kStderrPort, fds.errors);
    add_port(arguments, "control", kControlPort, fds.control);
    if (machine.payload >= 0)
        add(arguments, {"-drive",
                        fmt::format("if=none,id=payload,format=raw,readonly=on,file={}",
                                    path_of_inherited(machine.payload)),
                        "-device", "virtio-blk-pci,drive=payload"});
    add_disks(arguments, machine.disks);
    if (machine.network)
        add(arguments, {"-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="});
    arguments.insert(arguments.end(), lab.arguments.begin(), lab.arguments.end());
    return arguments;
}

}  // namespace rvmm::vmm::lab
