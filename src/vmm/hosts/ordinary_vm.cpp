#include "vmm/hosts/ordinary_vm.hpp"

namespace rvmm::vmm {

Result<std::unique_ptr<OrdinaryVm>> OrdinaryVm::create(const realm::LaunchPlan& plan,
                                                       devices::ByteSink& console) {
    RVMM_TRY(auto memory, PlainMemory::create(plan.board().ram));
    return std::unique_ptr<OrdinaryVm>(new OrdinaryVm(std::move(memory), console));
}

std::span<const kvm::SmcccRange> OrdinaryVm::forwarded() const {
    return host_call_ranges();
}

Result<CallReply> OrdinaryVm::call(std::size_t, rmi::SmcRegisters& registers, bool) {
    return host_calls_.call(registers.x);
}

}  // namespace rvmm::vmm
