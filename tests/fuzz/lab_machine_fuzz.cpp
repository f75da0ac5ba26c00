// LabMachine::parse() on any bytes: it refuses with one line that says where, or gives a machine
// that keeps its contract.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "vmm/lab/lab_machine.hpp"

namespace {

using namespace rvmm;

void require(bool condition) {
    if (!condition) std::abort();
}

void check_machine(const vmm::lab::LabMachine& machine) {
    require(machine.cpus >= 1 && machine.cpus <= vmm::lab::kMostLabCpus);
    require(!machine.memory || vmm::lab::is_lab_memory(*machine.memory));
    require(machine.boot_limit.count() >= 1 && machine.boot_limit.count() <= 3600);
    require(machine.firmware.empty() || machine.flash.empty());
    require(machine.kernel_address.has_value() == machine.initrd_address.has_value());
    require(machine.kernel_arguments.size() <= 1900);
    for (const std::string& argument : machine.arguments)
        require(argument.find('\0') == std::string::npos);
    for (const auto& [file, address] : machine.loader)
        require(!file.empty() && address < std::uint64_t{1} << 48);
    require(vmm::lab::machine_files(machine).size() <= 2 + machine.loader.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto machine = vmm::lab::LabMachine::parse(text, "labs/my.toml");
    if (!machine) {
        const std::string& message = machine.error().message();
        require(machine.error().stage() == Stage::kConfig);
        require(message.starts_with("labs/my.toml:") && message.find('\n') == std::string::npos);
        return 0;
    }
    check_machine(*machine);
    return 0;
}
