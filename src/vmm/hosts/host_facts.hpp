// What this machine offers, as facts, and the choice of a host for an image, as a pure function.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "realm/spec/realm_spec.hpp"
#include "vmm/cca/host_report.hpp"
#include "vmm/kvm/driver.hpp"
#include "vmm/lab/lab_config.hpp"

namespace rvmm::vmm {

/// Nothing where it is there; otherwise why not, as one clause, and what to do about it.
struct Obstacle {
    std::string why;
    std::string remedy;
};

/// Where an image runs.
enum class RunsOn : std::uint8_t { kLocalVm, kEmulated, kCca, kLab };
std::string_view to_string(RunsOn host);

struct HostWishes {
    bool emulate = false;                 // --emulate: emulated and lab are allowed
    std::optional<realm::HostKind> host;  // --host: this one or none
};

struct HostFacts {
    bool is_arm64 = false;
    std::optional<Obstacle> local_kvm;  // an arm64 KVM that runs ordinary VMs
    std::optional<Obstacle> smc;        // SMCCC calls of a guest reach userspace
    std::optional<Obstacle> cca;        // real realms
    std::optional<Obstacle> lab;        // a lab can be booted here
    bool guest_memfd = false;
    unsigned max_ipa_bits = 0;
    /// The VM that the host makes realms with, where it was looked for: it is for the launch.
    std::shared_ptr<cca::RealmVm> realm_vm = {};
    std::optional<cca::HostReport> realm_host = {};  // where that was asked for
};

/// What to look for: some hosts complain about each VM that is made and not used.
struct Looking {
    bool realms = true;
    bool smc = true;                        // unless there are realms
    std::optional<unsigned> ipa_bits = {};  // of the realm that is to be launched
    bool details = false;                   // a HostReport instead of a VM
};

/// What choose_host() will need to know.
Looking looking_for(const realm::RealmSpec& spec, const HostWishes& wishes);

/// The part of find_host_facts() that is about KVM, whatever machine this is.
void look_at_kvm(kvm::Driver& driver, const Looking& looking, HostFacts& facts);

/// Looks at the machine: opens /dev/kvm, makes a VM of realm type, or else a throw-away VM to see
/// whether an SMC of a guest traps. What was not looked for is an obstacle. Looks for the lab where
/// `lab` says. Changes nothing.
HostFacts find_host_facts(kvm::Driver& driver, const Looking& looking, const lab::LabSearch& lab);

/// Errors: Stage::kHostNotAllowed if emulation would do but is not allowed, Stage::kHostCannot if
/// nothing that is allowed works here; each with the one thing to do.
Result<RunsOn> choose_host(const realm::RealmSpec& spec, const HostWishes& wishes,
                           const HostFacts& facts);

}  // namespace rvmm::vmm
