// What this machine offers, as facts, and the choice of a host for an image, as a pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "realm/spec/realm_spec.hpp"
#include "vmm/kvm/driver.hpp"
#include "vmm/lab/lab_config.hpp"

namespace rvmm::vmm {

/// Nothing where it is there; otherwise why not, as one clause, and what to do about it.
struct Obstacle {
    std::string why;
    std::string remedy;
};

struct HostFacts {
    bool is_arm64 = false;
    std::optional<Obstacle> local_kvm;  // an arm64 KVM that runs ordinary VMs
    std::optional<Obstacle> smc;        // SMCCC calls of a guest reach userspace
    std::optional<Obstacle> cca;        // real realms
    std::optional<Obstacle> lab;        // a lab can be booted here
    bool guest_memfd = false;
    unsigned max_ipa_bits = 0;
};

/// Looks at the machine: opens /dev/kvm, makes a throw-away VM to see whether an SMC of a guest
/// traps. Looks for the lab where `lab` says. Changes nothing.
HostFacts find_host_facts(kvm::Driver& driver, const lab::LabSearch& lab);

/// Where an image runs.
enum class RunsOn : std::uint8_t { kLocalVm, kEmulated, kCca, kLab };
std::string_view to_string(RunsOn host);

struct HostWishes {
    bool emulate = false;                 // --emulate: emulated and lab are allowed
    std::optional<realm::HostKind> host;  // --host: this one or none
};

/// Errors: Stage::kHostNotAllowed if emulation would do but is not allowed, Stage::kHostCannot if
/// nothing that is allowed works here; each with the one thing to do.
Result<RunsOn> choose_host(const realm::RealmSpec& spec, const HostWishes& wishes,
                           const HostFacts& facts);

}  // namespace rvmm::vmm
