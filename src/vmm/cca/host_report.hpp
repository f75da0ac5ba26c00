// What a CCA host can give a realm, found out on a VM of realm type that is not launched.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vmm/cca/realm_vcpus.hpp"
#include "vmm/cca/realm_vm.hpp"

namespace rvmm::vmm::cca {

struct HostReport {
    HostFinding host;  // ipa_bits: the most that there are
    CpuFacts cpu = {};
    std::string cpu_error = {};  // why `cpu` is not known; else empty
    std::vector<measure::Hash> hashes = {measure::Hash::kSha256};
    bool sets_personalization = false;
    /// For reports: what /dev/kvm answers to the numbers that realm support has had, and the
    /// numbers that the kvm module exports.
    std::vector<std::pair<unsigned long, long>> capabilities = {};
    std::vector<std::pair<std::string, std::uint64_t>> module_parameters = {};
};

/// `vm` is one of as many IPA bits as there are; it is used up.
HostReport report_on(const kvm::System& system, RealmVm vm);

}  // namespace rvmm::vmm::cca
