// KVM_CHECK_EXTENSION and the capabilities that KVM_ENABLE_CAP takes.
#pragma once

#include "fake_kvm/host.hpp"

namespace rvmm::vmm::fake {

enum class AskedOn : std::uint8_t { kSystem, kOrdinaryVm, kRealm };

/// What KVM_CHECK_EXTENSION returns.
long capability(Host& host, AskedOn asked, unsigned long number);

/// On the list of architecture capabilities that a realm has.
bool allowed_for_realm(const Host& host, unsigned long number);

}  // namespace rvmm::vmm::fake
