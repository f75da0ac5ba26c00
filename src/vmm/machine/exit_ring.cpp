#include "vmm/machine/exit_ring.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/overloaded.hpp"

namespace rvmm::vmm {
namespace {

std::string name_of(const kvm::Exit& exit) {
    return std::visit(
        Overloaded{
            [](const kvm::MmioExit& mmio) {
                return fmt::format("MMIO {} of {} bytes at {:#x}", mmio.is_write ? "write" : "read",
                                   mmio.length, mmio.address.value);
            },
            [](const kvm::HypercallExit& call) {
                return fmt::format("{} {:#x}", call.is_smc ? "SMC" : "HVC", call.function);
            },
            [](const kvm::SystemEventExit& event) {
                return fmt::format("system event {}", event.type);
            },
            [](const kvm::MemoryFaultExit& fault) {
                return fmt::format("memory fault at {:#x}, {:#x} bytes, flags {:#x}",
                                   fault.address.value, fault.size, fault.flags);
            },
            [](const kvm::InterruptedExit&) { return std::string("interrupted"); },
            [](const kvm::ShutdownExit&) { return std::string("realm has ended"); },
            [](const kvm::FailedExit& failed) {
                return fmt::format("KVM exit {}, detail {:#x}, errno {}", failed.reason,
                                   failed.detail, failed.error_number);
            },
        },
        exit);
}

}  // namespace

void ExitRing::push(const kvm::Exit& exit) {
    entries_[pushed_++ % kKept] = {std::chrono::steady_clock::now(), exit};
}

std::vector<std::string> ExitRing::describe(std::chrono::steady_clock::time_point end) const {
    std::vector<std::string> lines;
    for (std::size_t i = pushed_ - std::min(pushed_, kKept); i < pushed_; ++i) {
        const Entry& entry = entries_[i % kKept];
        const std::chrono::duration<double, std::milli> before = end - entry.when;
        lines.push_back(
            fmt::format("{:.3f} ms before the end: {}", before.count(), name_of(entry.exit)));
    }
    return lines;
}

}  // namespace rvmm::vmm
