// The in-kernel GICv3 and ITS, as far as their set-up has rules.
// Source: Documentation/virt/kvm/devices/arm-vgic-v3.rst, arm-vgic-its.rst; kvm-realm-abi.md
// section 8.
#pragma once

#include <vector>

#include "fake_kvm/host.hpp"

struct kvm_device_attr;

namespace rvmm::vmm::fake {

class Gic {
  public:
    Gic(Host& host, bool realm, unsigned ipa_bits)
        : host_(host), realm_(realm), ipa_bits_(ipa_bits) {}

    /// KVM_CREATE_DEVICE of `type` (KVM_DEV_TYPE_*), short of making the descriptor.
    long create(std::uint32_t type, bool has_run);
    long set_attribute(std::uint32_t type, const kvm_device_attr& attribute);
    /// KVM_IRQ_LINE of a shared peripheral interrupt.
    long check_line(std::uint32_t interrupt) const;

    bool exists() const { return exists_; }
    bool initialised() const { return initialised_; }
    bool has_addresses() const { return distributor_ && redistributors_; }
    /// In the order in which they were set.
    const std::vector<std::uint64_t>& addresses() const { return addresses_; }

  private:
    long set_address(std::uint32_t type, std::uint64_t kind, std::uint64_t value);
    long initialise(std::uint32_t type);

    Host& host_;
    bool realm_;
    unsigned ipa_bits_;
    bool exists_ = false;
    bool initialised_ = false;
    bool distributor_ = false;
    bool redistributors_ = false;
    std::uint32_t interrupts_ = 64;
    std::vector<std::uint64_t> addresses_;
};

}  // namespace rvmm::vmm::fake
