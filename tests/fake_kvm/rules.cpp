#include "fake_kvm/rules.hpp"

namespace rvmm::vmm::fake {
namespace {

namespace abi = kvm::abi;

constexpr Rules kOrdinary = {.name = "mainline", .features = 9};

constexpr Rules kV10 = {
    .name = "v10",
    .family = Family::kCommands,
    .realm_type = abi::kRealmTypeV10,
    .rmm = measure::Rule::kRmm1,
    .attributes = Attributes::kOfVm,
    .features = 10,
    .pmu = true,
    .shared_faults = true,
};

constexpr Rules kV12 = {
    .name = "v12",
    .family = Family::kKernelDriven,
    .realm_type = abi::kRealmTypeV10,
    .capability = abi::kCapRmiV12,
    .rmm = measure::Rule::kRmm1,
    .attributes = Attributes::kOfVm,
    .features = 10,  // bit 9 is left over, has no effect and sticks (seen 2.10)
    .psci_complete = abi::kPsciCompleteV8,
    .cap_list = true,
    .pmu = true,
    .populate = abi::kPopulateV12,
    .populate_ordinary = EPERM,
    .populate_twice = EEXIST,  // seen 2.7
    .ripas_skips = true,
    .dead_without_gic = true,  // seen 2.17
    .run_when_dead = ENXIO,    // seen 2.17
    .warns_unused = true,      // seen 2.2
    .steal_time_oops = true,   // seen 2.3
};

// v13 was never run. What is not in the sheet is taken from v12 (as the calls go) and v14 (RMM).
constexpr Rules kV13 = {
    .name = "v13",
    .family = Family::kKernelDriven,
    .realm_type = abi::kRealmTypeV10,
    .capability = abi::kCapRmiV13,
    .attributes = Attributes::kOfVm,
    .features = 10,
    .psci_complete = abi::kPsciCompleteV8,
    .cap_list = true,
    .pmu = true,
    .populate = abi::kPopulateV13,
    .populate_ordinary = ENXIO,
    .populate_twice = ENXIO,
    .populate_in_out = true,
    .source_aligned = true,
};

constexpr Rules kV14 = {
    .name = "v14",
    .family = Family::kKernelDriven,
    .realm_type = abi::kRealmTypeV14,
    .capability = abi::kCapRmiV14,
    .attributes = Attributes::kOfVm,
    .features = 9,
    .cap_list = true,
    .enable_list = true,
    .populate = abi::kPopulateV13,
    .populate_ordinary = ENXIO,
    .populate_twice = ENXIO,
    .populate_in_out = true,
    .source_aligned = true,
    .cpu_on_races = true,
    .plain_backing = true,
};

Rules v10(const CommandTree& tree) {
    Rules rules = kV10;
    rules.capability = tree.cap;
    rules.without_rmm = tree.without_rmm;
    rules.features = tree.rec_bit + 1;
    rules.psci_complete = tree.psci_complete;
    rules.guest_memfd = tree.guest_memfd;
    rules.attributes = tree.guest_memfd ? Attributes::kOfVm : Attributes::kNone;
    rules.cap_list = tree.cap_list;
    return rules;
}

// `later` is the tree after v14 that was read ("snapB"); v15 itself is known second hand only.
Rules v15(bool later) {
    Rules rules = kV14;
    rules.name = "v15";
    rules.capability = abi::kCapRmiV15;
    rules.attributes = Attributes::kOfGmem;
    rules.strict_populate = later;
    rules.gic_first = later;
    rules.vm_dies = later;
    rules.plain_backing = !later;  // not known to be repaired before
    return rules;
}

}  // namespace

Rules rules_of(const FakeOptions& options) {
    switch (options.revision) {
        case FakeRevision::kOrdinary:
            return kOrdinary;
        case FakeRevision::kV10:
            return v10(options.tree);
        case FakeRevision::kV12:
            return kV12;
        case FakeRevision::kV13:
            return kV13;
        case FakeRevision::kV14:
            return kV14;
        case FakeRevision::kV15:
            return v15(options.match_attributes);
    }
    return kOrdinary;
}

}  // namespace rvmm::vmm::fake
