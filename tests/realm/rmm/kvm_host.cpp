#include "realm/rmm/kvm_host.hpp"

#include "realm/plan/ripas_entries.hpp"
#include "rmi/rtt.hpp"

namespace rvmm::realm {

using rmi::rtt_entry_size;

std::optional<KvmHost> KvmHost::create(const RmmFeatures& features, rmi::RealmParams params) {
    using P = rmi::RealmParams;
    const unsigned ipa_bits = params.get(P::kS2sz);
    const int level = start_level(ipa_bits);
    const unsigned bits = 12 + 9 * static_cast<unsigned>(4 - level);
    params.set(P::kRttLevelStart, level);
    params.set(P::kRttNumStart, ipa_bits > bits ? 1U << (ipa_bits - bits) : 1);
    auto realm = NewRealm::create(features, params).value();
    if (!realm) return std::nullopt;
    return KvmHost(level, *std::move(realm));
}

bool KvmHost::populate(Ipa ipa, bool measured, const PageContent& content) {
    const std::uint64_t flags = measured ? rmi::DataMeasurement::kFlagMeasured : 0;
    RmiAnswer answer = realm_.data_create(ipa, flags, content).value();
    if (answer.status == rmi::RmiStatus::kErrorRtt) {
        if (!create_tables(ipa, answer.level, rmi::kRttPageLevel)) return false;
        answer = realm_.data_create(ipa, flags, content).value();
    }
    return answer.ok();
}

bool KvmHost::create_rec(const rmi::RecParams& params) {
    return realm_.rec_create(params).value().ok();
}

ActivatedRealm KvmHost::activate() && {
    return std::move(realm_).realm_activate(measure::RemRule::kTfRmm);
}

bool KvmHost::create_tables(Ipa ipa, int from, int to) {
    for (int level = from + 1; level <= to; ++level) {
        const Ipa base{align_down(ipa.value, rtt_entry_size(level - 1))};
        if (!realm_.rtt_create(base, level).ok()) return false;
    }
    return true;
}

// The highest level with an entry that begins at `base` and ends at `top` or before.
int KvmHost::wanted_level(Ipa base, Ipa top) const {
    for (int level = start_level_;; ++level)
        if (is_aligned(base.value, rtt_entry_size(level)) && rtt_entry_size(level) <= top - base)
            return level;
}

KvmHost::Ripas KvmHost::init_ripas(const IpaRange& range, bool pass_pages) {
    for (Ipa base = range.base(); base < range.top();) {
        const RmiAnswer answer = realm_.rtt_init_ripas(base, range.top()).value();
        if (answer.ok()) {
            base = Ipa{answer.value};
            continue;
        }
        if (answer.status != rmi::RmiStatus::kErrorRtt) return Ripas::kRefused;
        const int wanted = wanted_level(base, range.top());
        if (answer.level < wanted) {
            if (!create_tables(base, answer.level, wanted)) return Ripas::kRefused;
        } else {
            if (!pass_pages) return Ripas::kOccupied;
            base = base + kPageSize4K;
        }
    }
    return Ripas::kDone;
}

}  // namespace rvmm::realm
