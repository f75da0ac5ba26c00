#include "vmm/hosts/ordinary_vm.hpp"

#include <array>

namespace rvmm::vmm {

Result<std::unique_ptr<OrdinaryVm>> OrdinaryVm::create(const realm::LaunchPlan& plan,
                                                       devices::ByteSink& console) {
    RVMM_TRY(auto memory, PlainMemory::create(plan.board().ram));
    return std::unique_ptr<OrdinaryVm>(new OrdinaryVm(std::move(memory), console));
}

std::span<const kvm::SmcccRange> OrdinaryVm::forwarded() const {
    static constexpr std::array<kvm::SmcccRange, 1> kRanges = {
        {{kHostCallVersion, kHostCallCount}}};
    return kRanges;
}

Result<CallReply> OrdinaryVm::call(std::size_t, rmi::SmcRegisters& registers, bool) {
    return host_calls_.call(registers.x);
}

}  // namespace rvmm::vmm
