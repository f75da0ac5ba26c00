#include "realm/rmm/realm_pages.hpp"

#include <algorithm>

#include "realm/rmm/answer.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {

bool RealmPages::is_granule(std::uint64_t address) const {
    return is_protected(address) && is_aligned(address, rmi::kRsiGranuleSize);
}

std::optional<IpaRange> RealmPages::range(std::uint64_t base, std::uint64_t top) const {
    if (!is_granule(base) || !is_aligned(top, rmi::kRsiGranuleSize)) return std::nullopt;
    if (top <= base || top > protected_end_.value) return std::nullopt;
    return IpaRange::between(Ipa{base}, Ipa{top});
}

bool RealmPages::read(Ipa ipa, MutableByteSpan out) const {
    return is_ram(ipa) && memory_->read(ipa, out).has_value();
}

bool RealmPages::write(Ipa ipa, ByteSpan bytes) const {
    return is_ram(ipa) && memory_->write(ipa, bytes).has_value();
}

void RealmPages::get_state(rmi::SmcRegisters& registers) const {
    const auto asked = range(registers.x[1], registers.x[2]);
    if (!asked) return answer(registers, rmi::RsiStatus::kErrorInput);
    const Ipa end = std::min(asked->top(), shape_.entries_end(asked->base()));
    const Ripas ripas = ripas_.at(asked->base());
    answer(registers, rmi::RsiStatus::kSuccess, ripas_.run_end(asked->base(), end).value,
           static_cast<std::uint64_t>(ripas));
}

SmcOutcome RealmPages::set_state(rmi::SmcRegisters& registers) const {
    const auto asked = range(registers.x[1], registers.x[2]);
    const std::uint64_t ripas = registers.x[3];
    if (!asked || ripas > static_cast<std::uint64_t>(Ripas::kRam)) {
        answer(registers, rmi::RsiStatus::kErrorInput);
        return Handled{};
    }
    IpaStateChange change;
    change.range = *asked;
    change.ripas = Ripas{static_cast<std::uint8_t>(ripas)};
    change.progress = asked->top();
    if (change.ripas == Ripas::kRam) {
        change.progress = std::min(asked->top(), ripas_.slots_end(asked->base()));
        change.reject = change.progress == asked->base();
    }
    change.changes =
        ripas_.parts_unlike(*IpaRange::between(asked->base(), change.progress), change.ripas);
    return change;
}

void RealmPages::complete(const IpaStateChange& change, rmi::SmcRegisters& registers) {
    for (const IpaRange& part : change.changes) ripas_.set(part, change.ripas);
    answer(registers, rmi::RsiStatus::kSuccess, change.progress.value,
           change.reject ? rmi::kRsiReject : rmi::kRsiAccept);
}

}  // namespace rvmm::realm
