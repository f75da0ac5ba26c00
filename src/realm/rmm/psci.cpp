#include "realm/rmm/psci.hpp"

#include <algorithm>
#include <utility>

#include "realm/rmm/answer.hpp"

namespace rvmm::realm {

using rmi::PsciFunction;
using rmi::PsciResult;

namespace {

constexpr std::uint32_t kFunctionMask = 0x1f;

constexpr bool has_smc64_form(PsciFunction function) {
    return function == PsciFunction::kCpuSuspend || function == PsciFunction::kCpuOn ||
           function == PsciFunction::kAffinityInfo;
}

// The function that an identifier names in either convention; nothing if PSCI has no such form.
constexpr std::optional<PsciFunction> decode(std::uint32_t id) {
    const auto function = PsciFunction{id & ~rmi::kPsciSmc64};
    if ((id & rmi::kPsciSmc64) != 0 && !has_smc64_form(function)) return std::nullopt;
    return function;
}

PsciResult features(std::uint32_t id) {
    if (id == rmi::kSmcccVersion) return PsciResult::kSuccess;
    const auto function = decode(id);
    if (!function) return PsciResult::kNotSupported;
    switch (*function) {
        case PsciFunction::kCpuSuspend:
        case PsciFunction::kCpuOff:
        case PsciFunction::kCpuOn:
        case PsciFunction::kAffinityInfo:
        case PsciFunction::kSystemOff:
        case PsciFunction::kSystemReset:
        case PsciFunction::kFeatures:
            return PsciResult::kSuccess;
        default:
            return PsciResult::kNotSupported;  // VERSION too: an RMM says so
    }
}

void answer_result(rmi::SmcRegisters& registers, PsciResult result) {
    realm::answer(registers, rmi::to_register(result));
}

}  // namespace

Psci::Psci(std::vector<std::uint64_t> mpidrs, std::uint64_t protected_end)
    : mpidrs_(std::move(mpidrs)), on_(mpidrs_.size(), false), protected_end_(protected_end) {
    on_[0] = true;
}

bool Psci::owns(std::uint32_t function) {
    return (function & ~(rmi::kPsciSmc64 | kFunctionMask)) ==
           static_cast<std::uint32_t>(PsciFunction::kVersion);
}

SmcOutcome Psci::call(std::size_t rec, rmi::SmcRegisters& registers) {
    const std::uint32_t id = rmi::function_id(registers);
    const auto function = decode(id);
    if ((id & rmi::kPsciSmc64) == 0)
        for (std::size_t i = 1; i <= 3; ++i) registers.x[i] &= 0xffff'ffffU;
    switch (function.value_or(PsciFunction{0})) {
        case PsciFunction::kVersion:
            realm::answer(registers, rmi::kPsciVersion11);
            break;
        case PsciFunction::kFeatures:
            answer_result(registers, features(static_cast<std::uint32_t>(registers.x[1])));
            break;
        // Every state counts as a standby that ended at once.
        case PsciFunction::kCpuSuspend:
            answer_result(registers, PsciResult::kSuccess);
            break;
        case PsciFunction::kCpuOff:
            on_[rec] = false;
            answer_result(registers, PsciResult::kSuccess);
            return CpuOffRequest{};
        case PsciFunction::kCpuOn:
            return cpu_on(rec, registers);
        case PsciFunction::kAffinityInfo:
            realm::answer(registers, affinity_info(registers.x[1], registers.x[2]));
            break;
        case PsciFunction::kSystemOff:
            return SystemOffRequest{};
        case PsciFunction::kSystemReset:
            return SystemResetRequest{};
        default:
            answer_result(registers, PsciResult::kNotSupported);
            break;
    }
    return Handled{};
}

SmcOutcome Psci::cpu_on(std::size_t rec, rmi::SmcRegisters& registers) {
    const CpuOnRequest request{.target = index_of(registers.x[1]).value_or(mpidrs_.size()),
                               .entry = Ipa{registers.x[2]},
                               .context = registers.x[3]};
    const bool unknown = request.target == mpidrs_.size();
    if (request.entry.value >= protected_end_)
        answer_result(registers, PsciResult::kInvalidAddress);
    else if (unknown)
        answer_result(registers, PsciResult::kInvalidParameters);
    else if (request.target == rec || on_[request.target])
        answer_result(registers, PsciResult::kAlreadyOn);
    else {
        on_[request.target] = true;
        answer_result(registers, PsciResult::kSuccess);
        return request;
    }
    return Handled{};
}

std::uint64_t Psci::affinity_info(std::uint64_t mpidr, std::uint64_t level) const {
    const auto index = index_of(mpidr);
    if (level != 0 || !index) return rmi::to_register(PsciResult::kInvalidParameters);
    return on_[*index] ? rmi::kPsciAffinityOn : rmi::kPsciAffinityOff;
}

std::optional<std::size_t> Psci::index_of(std::uint64_t mpidr) const {
    const auto found = std::ranges::find(mpidrs_, mpidr);
    if (found == mpidrs_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - mpidrs_.begin());
}

}  // namespace rvmm::realm
