#include "vmm/cca/host_report.hpp"

#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::cca {
namespace {

namespace abi = kvm::abi;

/// Whether the RMM of a v10 host has SHA-512. Harmless before the realm is made.
bool has_sha512(RealmVm& vm) {
    abi::RealmConfigV10 config = {.what = abi::kConfigHash, .payload = {}};
    config.payload[0] = static_cast<std::uint8_t>(measure::Hash::kSha512);
    abi::EnableCap command = {};
    command.cap = vm.host().command_capability;
    command.args[0] = static_cast<std::uint64_t>(abi::RealmCommand::kConfig);
    command.args[1] = reinterpret_cast<std::uintptr_t>(&config);
    return vm.vm().call(abi::kEnableCap, &command) == 0;
}

}  // namespace

HostReport report_on(const kvm::System& system, RealmVm vm) {
    HostReport report{.host = vm.host()};
    if (vm.revision().vmm_orders_steps) {
        report.sets_personalization = true;
        if (has_sha512(vm)) report.hashes.push_back(measure::Hash::kSha512);
    }
    if (auto cpu = cpu_facts(vm))
        report.cpu = *std::move(cpu);
    else
        report.cpu_error = cpu.error().message();
    for (const unsigned long number :
         {abi::kCapUserMemory2, abi::kCapMemoryAttributes, abi::kCapGuestMemfd, abi::kCapRmiV12,
          abi::kCapRmiV13, abi::kCapRmiV14, abi::kCapRmiV15})
        report.capabilities.emplace_back(number, system.capability(number));
    for (const std::string name : {"kvm_cap_arm_rme", "kvm_cap_arm_rmi"})
        if (const auto number = system.driver().module_parameter(name))
            report.module_parameters.emplace_back(name, *number);
    return report;
}

}  // namespace rvmm::vmm::cca
