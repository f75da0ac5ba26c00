// What differs between the revisions of the realm series, as data.
// Source: shared facts, kvm-realm-abi.md section 12, kvm-realm-abi-v10.md sections 1, 3 and 9,
// cca-host-seen-rmm1.md ("seen"), which holds where it differs.
#pragma once

#include <string_view>

#include "fake_kvm/options.hpp"
#include "measure/rim.hpp"

namespace rvmm::vmm::fake {

enum class Family : std::uint8_t {
    kOrdinary,
    kCommands,      // v7 to v11: ENABLE_CAP commands, the VMM decides the order
    kKernelDriven,  // v12 and later: POPULATE, the first KVM_RUN does the rest
};

/// Where the private state of a page is kept.
enum class Attributes : std::uint8_t { kNone, kOfVm, kOfGmem };

struct Rules {
    std::string_view name;
    Family family = Family::kOrdinary;
    std::uint64_t realm_type = 0;  // 0: there is none
    int without_rmm = EINVAL;
    unsigned long capability = 0;
    measure::Rule rmm = measure::Rule::kRmm2TfRmm;
    Attributes attributes = Attributes::kNone;
    unsigned features = 8;  // KVM_VCPU_MAX_FEATURES: bits from here on are ENOENT
    unsigned long psci_complete = 0;
    bool guest_memfd = true;
    bool cap_list = false;       // CHECK_EXTENSION on a realm shows the allowed ones only
    bool enable_list = false;    // ENABLE_CAP on a realm refuses the others
    bool pmu = false;            // for realms
    bool shared_faults = false;  // v10: the shared alias of a PRIVATE page faults to the VMM

    // v12 and later.
    unsigned long populate = 0;
    int populate_ordinary = 0;  // errno on an ordinary VM
    int populate_twice = 0;
    bool populate_in_out = false;   // the record is advanced; else the bytes are returned
    bool source_aligned = false;    // else an unaligned source means the page that holds it
    bool strict_populate = false;   // source NULL and ranges beyond the private half are EINVAL
    bool ripas_skips = false;       // INIT_RIPAS passes over what it cannot initialise
    bool gic_first = false;         // an uninitialised GIC is ENODEV at activation
    bool dead_without_gic = false;  // activation without GIC leaves the realm dead
    int run_when_dead = EINVAL;
    bool vm_dies = false;        // a failed activation ends the VM: EIO
    bool cpu_on_races = false;   // KVM_RUN of a vCPU that was just woken may say EAGAIN
    bool plain_backing = false;  // MAP_SHARED memory without huge pages only

    // Bugs that a VMM has to go around.
    bool warns_unused = false;     // closing a VM without realm descriptor is a kernel WARN
    bool steal_time_oops = false;  // KVM_CAP_STEAL_TIME on /dev/kvm
};

Rules rules_of(const FakeOptions& options);

}  // namespace rvmm::vmm::fake
