#include "vmm/hosts/smc_probe.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <future>

#include "base/page_size.hpp"
#include "vmm/hosts/host_calls.hpp"
#include "vmm/machine/vcpu_thread.hpp"

namespace rvmm::vmm {
namespace {

// At 0: movz x0, #0xc600, lsl #16; movk x0, #0x5200; smc #0; b .
constexpr std::array<std::uint32_t, 4> kProgram = {0xd2b8c000, 0xf28a4000, 0xd4000003, 0x14000000};
// At 0x200, where an exception of EL1 goes after reset (VBAR_EL1 = 0): a store to an address
// without memory leaves the guest. movz x1, #0x1000, lsl #16; str w1, [x1]; b .
constexpr std::array<std::uint32_t, 3> kVector = {0xd2a20001, 0xb9000021, 0x14000000};
constexpr std::size_t kVectorOffset = 0x200;
constexpr auto kPatience = std::chrono::seconds(2);

const Obstacle kNoTrap = {"an SMC instruction of a guest does not reach KVM here (no EL3)",
                          "use the lab: --host lab"};

/// What the program did: true if its SMC came out as a call.
Result<bool> run_program(const kvm::System& system) {
    RVMM_TRY(auto page, Mapping::create("probe", host_page_size(), PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1));
    std::memcpy(page.data(), kProgram.data(), sizeof kProgram);
    std::memcpy(page.data() + kVectorOffset, kVector.data(), sizeof kVector);
    RVMM_TRY(auto vm, system.create_vm(system.max_ipa_bits() < 40 ? system.max_ipa_bits() : 40));
    RVMM_CHECK(vm.add_memory(0, *IpaRange::make(Ipa{0}, page.size()), page.data()));
    RVMM_CHECK(vm.forward_smccc({kHostCallVersion, kHostCallCount}));
    RVMM_TRY(auto vcpu, vm.create_vcpu(0));
    RVMM_CHECK(vcpu.init({}));
    RVMM_CHECK(vcpu.set_pc(0));

    std::promise<bool> answer;
    auto future = answer.get_future();
    VcpuThread thread(std::move(vcpu), [&](kvm::Vcpu&, const kvm::Exit& exit) {
        answer.set_value(std::holds_alternative<kvm::HypercallExit>(exit));
        return false;
    });
    thread.start();
    if (future.wait_for(kPatience) != std::future_status::ready) return false;
    return future.get();
}

}  // namespace

std::optional<Obstacle> probe_smc(const kvm::System& system) {
    const auto trapped = run_program(system);
    if (!trapped) return Obstacle{trapped.error().message(), trapped.error().advice()};
    if (!*trapped) return kNoTrap;
    return std::nullopt;
}

}  // namespace rvmm::vmm
