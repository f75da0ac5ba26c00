// Doorbells and interrupt events of a VM: ioeventfd, irqfd, GSI routes, as far as they have rules.
// Source: Documentation/virt/kvm/api.rst 4.52, 4.59, 4.75; emulated-realm.md traps 1 and 4.
#pragma once

#include <map>
#include <vector>

#include <linux/kvm.h>

#include "fake_kvm/host.hpp"

namespace rvmm::vmm::fake {

class Wiring {
  public:
    Wiring(Host& host, bool realm, unsigned ipa_bits)
        : host_(host), realm_(realm), ipa_bits_(ipa_bits) {}

    // Calls: 0 or -errno.
    long set_doorbell(const kvm_ioeventfd& record);
    long connect(const kvm_irqfd& record, bool has_gic);
    long set_routes(std::uint64_t record);

    /// What a write of the guest does: true if a doorbell took it, and its event is raised.
    bool ring(std::uint64_t address, std::uint32_t length, std::uint64_t value) const;

    const std::vector<kvm_ioeventfd>& doorbells() const { return doorbells_; }
    const std::vector<kvm_irq_routing_entry>& routes() const { return routes_; }
    /// Events that are connected, by interrupt.
    const std::multimap<std::uint32_t, int>& connected() const { return connected_; }

  private:
    Host& host_;
    bool realm_;
    unsigned ipa_bits_;
    std::vector<kvm_ioeventfd> doorbells_;
    std::vector<kvm_irq_routing_entry> routes_;
    std::multimap<std::uint32_t, int> connected_;
};

}  // namespace rvmm::vmm::fake
