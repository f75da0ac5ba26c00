#include "vmm/cca/realm_vcpus.hpp"

#include <algorithm>

#include "vmm/kvm/realm_abi.hpp"
#include "vmm/machine/built_vm.hpp"

namespace rvmm::vmm::cca {
namespace {

namespace abi = kvm::abi;

constexpr unsigned long kCapSve = 170;
constexpr unsigned long kCapPmuV3 = 126;
constexpr unsigned kQuadword = 128;  // bits: what vector lengths are counted in
constexpr unsigned kMostQuadwords = 16;

/// A field of four bits that holds a count minus one.
struct CountField {
    unsigned shift;
    unsigned count(std::uint64_t value) const {
        return static_cast<unsigned>((value >> shift) & 15) + 1;
    }
    std::uint64_t with(std::uint64_t value, unsigned count) const {
        return (value & ~(std::uint64_t{15} << shift)) | (std::uint64_t{count - 1} << shift);
    }
};
constexpr CountField kBreakpoints{12};  // ID_AA64DFR0_EL1.BRPs
constexpr CountField kWatchpoints{20};  // ID_AA64DFR0_EL1.WRPs

constexpr unsigned kPmcrCountersShift = 11;  // PMCR_EL0.N
constexpr std::uint64_t kPmcrCountersMask = std::uint64_t{31} << kPmcrCountersShift;

std::unexpected<Error> not_this_host(std::string what, std::string advice) {
    return std::unexpected(
        Error(Stage::kHostCannot, std::move(what)).with_advice(std::move(advice)));
}

kvm::VcpuFeatures features(const realm::RealmParameters& realm, const RealmVm& vm, bool runnable) {
    return {.powered_off = !runnable,
            .sve = realm.sve_vl != 0,
            .pmu = realm.pmu_counters != 0,
            .rec = vm.host().rec_feature};
}

/// Breakpoints are what the host has. Watchpoints can be fewer.
Result<> set_debug(kvm::Vcpu& vcpu, const realm::RealmParameters& realm) {
    RVMM_TRY(const std::uint64_t dfr0, vcpu.id_aa64dfr0());
    const unsigned breakpoints = kBreakpoints.count(dfr0);
    const unsigned watchpoints = kWatchpoints.count(dfr0);
    if (breakpoints != realm.breakpoints)
        return not_this_host(
            fmt::format("this host's realms have {} breakpoints, the plan is measured with {}",
                        breakpoints, realm.breakpoints),
            fmt::format("set realm.breakpoints = {}; the measurement is then another",
                        breakpoints));
    if (watchpoints < realm.watchpoints)
        return not_this_host(
            fmt::format("this host's realms have at most {} watchpoints, {} are asked for",
                        watchpoints, realm.watchpoints),
            "lower realm.watchpoints, which changes the measurement");
    if (watchpoints == realm.watchpoints) return {};
    return vcpu.set_id_aa64dfr0(kWatchpoints.with(dfr0, realm.watchpoints));
}

std::vector<unsigned> in_bits(const kvm::Vcpu::SveLengths& lengths) {
    std::vector<unsigned> bits;
    for (unsigned vq = 1; vq <= kMostQuadwords; ++vq)
        if ((lengths[0] >> (vq - 1) & 1) != 0) bits.push_back(vq * kQuadword);
    return bits;
}

/// The lengths up to the one that is asked for, which must be one of the host's.
Result<> choose_sve_lengths(kvm::Vcpu& vcpu, unsigned vector_bits) {
    RVMM_TRY(kvm::Vcpu::SveLengths lengths, vcpu.sve_lengths());
    const unsigned quadwords = vector_bits / kQuadword;
    const auto has = in_bits(lengths);
    if (std::ranges::find(has, vector_bits) == has.end())
        return not_this_host(
            fmt::format("this host has no SVE vectors of {} bits, but {} to {}", vector_bits,
                        has.empty() ? 0 : has.front(), has.empty() ? 0 : has.back()),
            "set realm.sve_vl to a length that it has (rvmm doctor), or to 0");
    const std::uint64_t up_to = (std::uint64_t{1} << quadwords) - 1;
    if ((lengths[0] & up_to) == lengths[0]) return {};
    lengths = {lengths[0] & up_to};
    return vcpu.set_sve_lengths(lengths);
}

/// A vCPU with SVE is finalised whatever else is wrong: without that the VM can have no realm, not
/// even one to be given up with.
Result<> set_sve(kvm::Vcpu& vcpu, unsigned vector_bits) {
    const Result<> chosen = choose_sve_lengths(vcpu, vector_bits);
    const long rc = vcpu.finalize(abi::kVcpuSve);
    if (!chosen) return chosen;
    if (rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc),
                          "cannot fix the SVE vector lengths of vCPU {}", vcpu.index());
    return {};
}

Result<> set_pmu_counters(kvm::Vcpu& vcpu, unsigned counters) {
    RVMM_TRY(const std::uint64_t pmcr, vcpu.pmcr());
    const auto most = static_cast<unsigned>((pmcr & kPmcrCountersMask) >> kPmcrCountersShift);
    if (counters > most)
        return not_this_host(
            fmt::format("this host's realms have at most {} PMU counters, {} are asked for", most,
                        counters),
            "lower realm.pmu_counters, which changes the measurement");
    if (counters == most) return {};
    return vcpu.set_pmcr((pmcr & ~kPmcrCountersMask) |
                         (std::uint64_t{counters} << kPmcrCountersShift));
}

Result<> check_features(const kvm::Vm& vm, const realm::RealmParameters& realm) {
    if (realm.sve_vl != 0 && vm.capability(kCapSve) == 0)
        return not_this_host("this host's realms have no SVE",
                             "set realm.sve_vl = 0, which changes the measurement");
    if (realm.pmu_counters != 0 && vm.capability(kCapPmuV3) == 0)
        return not_this_host("this host's realms have no PMU",
                             "set realm.pmu_counters = 0, which changes the measurement");
    return {};
}

Result<kvm::Vcpu> create_vcpu(const realm::RealmParameters& realm, RealmVm& vm,
                              const realm::CreateRecStep& step) {
    RVMM_TRY(auto vcpu, vm.vm().create_vcpu(step.index));
    RVMM_CHECK(vcpu.init(features(realm, vm, step.runnable)));
    vm.set_vcpu_initialised();
    if (realm.sve_vl != 0) RVMM_CHECK(set_sve(vcpu, realm.sve_vl));
    RVMM_CHECK(check_mpidr(vcpu, step));
    RVMM_CHECK(set_debug(vcpu, realm));
    if (realm.pmu_counters != 0) RVMM_CHECK(set_pmu_counters(vcpu, realm.pmu_counters));
    if (step.runnable) RVMM_CHECK(set_entry(vcpu, step));
    return vcpu;
}

}  // namespace

Result<std::vector<kvm::Vcpu>> create_vcpus(const realm::LaunchPlan& plan, RealmVm& vm) {
    const realm::RealmParameters& realm = *plan.spec().realm;
    RVMM_CHECK(check_features(vm.vm(), realm));
    std::vector<kvm::Vcpu> vcpus;
    for (const realm::PlanStep& step : plan.steps()) {
        const auto* rec = std::get_if<realm::CreateRecStep>(&step);
        if (rec == nullptr) continue;
        RVMM_TRY(auto vcpu, create_vcpu(realm, vm, *rec));
        vcpus.push_back(std::move(vcpu));
    }
    return vcpus;
}

Result<CpuFacts> cpu_facts(RealmVm& vm) {
    const bool has_sve = vm.vm().capability(kCapSve) != 0;
    const bool has_pmu = vm.revision().sets_pmu && vm.vm().capability(kCapPmuV3) != 0;
    RVMM_TRY(auto vcpu, vm.vm().create_vcpu(0));
    RVMM_CHECK(vcpu.init({.sve = has_sve, .pmu = has_pmu, .rec = vm.host().rec_feature}));
    vm.set_vcpu_initialised();
    RVMM_TRY(const std::uint64_t dfr0, vcpu.id_aa64dfr0());
    CpuFacts facts{.breakpoints = kBreakpoints.count(dfr0),
                   .watchpoints = kWatchpoints.count(dfr0)};
    if (has_sve) {
        RVMM_TRY(const auto lengths, vcpu.sve_lengths());
        facts.sve_lengths = in_bits(lengths);
        static_cast<void>(vcpu.finalize(abi::kVcpuSve));  // so that the VM can have a realm
    }
    if (has_pmu) {
        RVMM_TRY(const std::uint64_t pmcr, vcpu.pmcr());
        facts.pmu_counters =
            static_cast<unsigned>((pmcr & kPmcrCountersMask) >> kPmcrCountersShift);
    }
    return facts;
}

}  // namespace rvmm::vmm::cca
