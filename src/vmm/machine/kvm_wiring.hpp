// Doorbells and interrupts of devices by KVM: ioeventfd, irqfd, and routes for message-signalled
// interrupts. Source: Documentation/virt/kvm/api.rst, 4.52, 4.59, 4.75; traps: shared facts,
// emulated-realm.md 1 and 4.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "devices/wiring.hpp"
#include "vmm/kvm/vm.hpp"

namespace rvmm::vmm {

class KvmWiring final : public devices::Wiring {
  public:
    /// How addresses of the guest look to this VM's KVM: without `shared_bit`, and with `alias`.
    struct Addresses {
        std::uint64_t shared_bit = 0;
        std::uint64_t alias = 0;
    };
    /// `vm`, which has a GIC, outlives it.
    KvmWiring(kvm::Vm& vm, const Addresses& addresses) : vm_(vm), addresses_(addresses) {}

    Result<> add_doorbell(const devices::Doorbell& doorbell, int event) override;
    Result<> remove_doorbell(const devices::Doorbell& doorbell, int event) override;
    Result<> connect_spi(std::uint32_t spi, int event) override;
    Result<std::uint32_t> connect_message(int event) override;
    Result<> set_message(std::uint32_t number,
                         const std::optional<devices::Message>& message) override;

  private:
    std::uint64_t seen_by_kvm(std::uint64_t address) const {
        return (address & ~addresses_.shared_bit) | addresses_.alias;
    }
    Result<> set_doorbell(const devices::Doorbell& doorbell, int event, std::uint32_t flags);
    Result<> connect(std::uint32_t interrupt, int event, std::uint32_t flags);
    /// With mutex_ held: tells KVM all routes there are.
    Result<> set_routes();

    kvm::Vm& vm_;
    const Addresses addresses_;
    std::mutex mutex_;
    std::set<std::uint32_t> spis_;
    std::vector<int> messages_;  // their events, by number
    std::map<std::uint32_t, devices::Message> routed_;
};

}  // namespace rvmm::vmm
