#include "vmm/hosts/emulated_realm.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/log.hpp"
#include "realm/rmm/token_issuer.hpp"

namespace rvmm::vmm {
namespace {

// Everything that an RMM answers itself and KVM would answer otherwise. CPU_SUSPEND (0x84000001,
// 0xC4000001) stays with KVM, which can wait in it; 0x8000xxxx cannot be filtered at all.
constexpr std::array kForwarded = {
    kvm::SmcccRange{0x8400'0000, 1},        kvm::SmcccRange{0x8400'0002, 0x1e},
    kvm::SmcccRange{0xC400'0000, 1},        kvm::SmcccRange{0xC400'0002, 0x1e},
    kvm::SmcccRange{0x8400'0050, 4},        kvm::SmcccRange{0xC400'0050, 4},         // TRNG
    kvm::SmcccRange{0xC400'0190, 0x30},                                              // RSI
    kvm::SmcccRange{0xC500'0020, 3},                                                 // PV time
    kvm::SmcccRange{0x8600'0000, 0x1'0000}, kvm::SmcccRange{0xC600'0000, 0x1'0000},  // hypervisor
};

/// On a CCA host KVM itself answers a host call that asks for a version (seen on v14: SMCCC 1.1,
/// PSCI 1.3).
std::optional<std::uint64_t> kvm_version(std::uint32_t id) {
    if (id == 0x8000'0000) return 0x1'0001;
    if (id == 0x8400'0000) return 0x1'0003;
    return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<EmulatedRealm>> EmulatedRealm::create(const realm::LaunchPlan& plan,
                                                             const measure::Digest& rim,
                                                             devices::ByteSink& console,
                                                             TokenExchange* tokens) {
    const realm::RealmParameters& parameters = *plan.spec().realm;
    const realm::Board& board = plan.board();
    const std::uint64_t shared_bit = std::uint64_t{1} << (parameters.ipa_bits - 1);
    RVMM_TRY(auto memory, SplitMemory::create(board.ram, shared_bit, {}));

    realm::ActiveRealm active;
    active.ipa_bits = parameters.ipa_bits;
    active.hash = parameters.hash;
    active.personalization = parameters.personalization;
    active.ram = {board.ram};
    for (const realm::CpuBoard& cpu : board.cpus) active.mpidrs.push_back(cpu.mpidr);
    active.rim = rim;
    RVMM_TRY(auto issuer, realm::TokenIssuer::create(plan.spec().attestation));
    auto source = [issuer = std::move(issuer)](const measure::token::RealmClaims& claims) {
        auto token = issuer.issue(claims);
        if (!token) warn("no token is issued: {}", token.error().message());
        return token ? std::optional(*std::move(token)) : std::nullopt;
    };
    RVMM_TRY(auto rmm,
             realm::SoftwareRmm::create(std::move(active), memory->trusted(), std::move(source)));
    return std::unique_ptr<EmulatedRealm>(
        new EmulatedRealm(parameters.ipa_bits, std::move(memory), std::move(rmm), console, tokens));
}

std::span<const kvm::SmcccRange> EmulatedRealm::forwarded() const {
    return kForwarded;
}

Result<CallReply> EmulatedRealm::call(std::size_t vcpu, rmi::SmcRegisters& registers, bool is_smc) {
    if (!is_smc) {
        // A realm's HVC is undefined on hardware; the calls of a realm are SMCs.
        registers.x[0] = static_cast<std::uint64_t>(-1);
        return Answered{};
    }
    std::optional<LeaseTable::Exclusion> exclusion;
    std::unique_lock lock(mutex_);
    RVMM_TRY(auto outcome, outcome_of(vcpu, registers, lock, exclusion));
    if (auto* change = std::get_if<realm::IpaStateChange>(&outcome))
        return serve(*change, registers);
    if (auto* host_call = std::get_if<realm::HostCallRequest>(&outcome))
        return serve(*host_call, registers);
    if (auto* on = std::get_if<realm::CpuOnRequest>(&outcome))
        return StartCpu{on->target, on->entry, on->context};
    if (std::holds_alternative<realm::CpuOffRequest>(outcome)) return StopCpu{};
    if (std::holds_alternative<realm::SystemOffRequest>(outcome))
        return RunOutcome{RunOutcome::Kind::kShutdown, 0, {}};
    if (std::holds_alternative<realm::SystemResetRequest>(outcome))
        return RunOutcome{RunOutcome::Kind::kReset, 0, {}};
    return Answered{};
}

Result<realm::SmcOutcome> EmulatedRealm::outcome_of(
    std::size_t vcpu, rmi::SmcRegisters& registers, std::unique_lock<std::mutex>& lock,
    std::optional<LeaseTable::Exclusion>& exclusion) {
    auto outcome = rmm_.smc(vcpu, registers);
    const auto* change = std::get_if<realm::IpaStateChange>(&outcome);
    if (change == nullptr || change->ripas != realm::Ripas::kRam || change->changes.empty())
        return outcome;
    // Devices may take their time with these pages, and the other vCPUs must not wait for that.
    // They may convert meanwhile: the RMM is asked again, with the registers as they still are.
    lock.unlock();
    RVMM_TRY(auto excluded, memory_->exclude(change->range));
    exclusion.emplace(std::move(excluded));
    lock.lock();
    return rmm_.smc(vcpu, registers);
}

Result<CallReply> EmulatedRealm::serve(const realm::IpaStateChange& change,
                                       rmi::SmcRegisters& registers) {
    for (const IpaRange& range : change.changes) RVMM_CHECK(memory_->convert(range, change.ripas));
    if (!change.changes.empty()) note_conversion();
    rmm_.complete(change, registers);
    return Answered{};
}

Result<CallReply> EmulatedRealm::serve(const realm::HostCallRequest& call,
                                       rmi::SmcRegisters& registers) {
    auto gprs = call.gprs;
    CallReply reply = Answered{};
    if (const auto version = kvm_version(static_cast<std::uint32_t>(gprs[0]))) {
        std::fill_n(gprs.begin(), 4, std::uint64_t{0});
        gprs[0] = *version;
    } else {
        reply = host_calls_.call(gprs);
    }
    rmm_.complete(call, gprs, registers);
    return reply;
}

RealmFacts EmulatedRealm::facts(std::size_t max_runs) const {
    const std::lock_guard lock(mutex_);
    RealmFacts facts;
    for (std::size_t i = 1; i <= 4; ++i) {
        const ByteSpan rem = rmm_.measurement(i);
        facts.rems.emplace_back(rem.begin(), rem.end());
    }
    facts.ram = rmm_.ram(max_runs + 1);
    facts.more_ram = facts.ram->size() > max_runs;
    if (facts.more_ram) facts.ram->pop_back();
    return facts;
}

void EmulatedRealm::add_counters(RunCounters& counters) const {
    const SplitMemory::Counters memory = memory_->counters();
    counters.conversions += memory.conversions;
    counters.converted_bytes += memory.converted_bytes;
    counters.shared_bytes += memory.shared_bytes;
    counters.refused_accesses += memory.refused_accesses;
}

}  // namespace rvmm::vmm
