#include "realm/rmm/new_realm.hpp"

#include <algorithm>

namespace rvmm::realm {

using rmi::RmiStatus;

namespace {

using P = rmi::RealmParams;

// RmiRecMpidr: Aff0 has four bits of its byte, the other affinities have eight.
constexpr std::uint64_t kMpidrBits = 0xffff'ff0f;

std::uint64_t rec_index(std::uint64_t mpidr) {
    return (mpidr & 0xf) | ((mpidr & ~0xffULL) >> 4);
}

bool is_data_flags(std::uint64_t flags) {
    return flags == 0 || flags == rmi::DataMeasurement::kFlagMeasured;
}

}  // namespace

RmiAnswer ActivatedRealm::rtt_init_ripas(Ipa base, Ipa top) const {
    return rtt_.valid_ripas_range(base, top) ? kRealmStateError : kInputError;
}

RmiAnswer ActivatedRealm::data_create(Ipa /*ipa*/, std::uint64_t flags,
                                      const PageContent& /*content*/) {
    return is_data_flags(flags) ? kRealmStateError : kInputError;
}

RmiAnswer ActivatedRealm::rec_create(const rmi::RecParams& /*params*/) {
    return kRealmStateError;
}

RmiAnswer ActivatedRealm::rec_enter(std::size_t rec) const {
    if (rec >= recs_.size()) return kInputError;
    if (!recs_[rec].runnable) return {.status = RmiStatus::kErrorRec};
    return {};
}

NewRealm::NewRealm(const RmmFeatures& features, const RealmRequest& request)
    : features_(features),
      params_(request.params),
      rtt_(params_.get(P::kS2sz), static_cast<int>(request.rtt_level_start), request.rtt_num_start),
      rim_(features.rule, measure::Hash{params_.get(P::kHashAlgo)}) {}

Result<std::optional<NewRealm>> NewRealm::create(const RmmFeatures& features,
                                                 const RealmRequest& request) {
    std::optional<NewRealm> realm;
    if (!accepts(features, request)) return realm;
    realm = NewRealm(features, request);
    RVMM_CHECK(realm->rim_.realm_create(request.params));
    return realm;
}

Result<RmiAnswer> NewRealm::rtt_init_ripas(Ipa base, Ipa top) {
    if (!rtt_.valid_ripas_range(base, top)) return kInputError;
    const bool rmm1 = features_.rule == measure::Rule::kRmm1;
    const auto assigned = rmm1 ? AssignedPages::kStop : AssignedPages::kPass;
    RmiAnswer answer = rtt_.init_ripas(base, top, assigned);
    if (!answer.ok()) return answer;
    const std::uint64_t size = rmi::rtt_entry_size(std::exchange(answer.level, 0));
    for (Ipa entry = base; entry.value < answer.value; entry = entry + size)
        RVMM_CHECK(rim_.ripas(*IpaRange::make(entry, size)));
    return answer;
}

Result<RmiAnswer> NewRealm::data_create(Ipa ipa, std::uint64_t flags, const PageContent& content) {
    if (!is_data_flags(flags)) return kInputError;
    const RmiAnswer answer = rtt_.assign(ipa, true);
    if (!answer.ok()) return answer;
    if (flags == 0)
        RVMM_CHECK(rim_.data_unmeasured(ipa));
    else if (const auto* digest = std::get_if<measure::Digest>(&content))
        RVMM_CHECK(rim_.data_digest(ipa, *digest));
    else
        RVMM_CHECK(rim_.data(ipa, std::get<ByteSpan>(content)));
    return answer;
}

Result<RmiAnswer> NewRealm::rec_create(const rmi::RecParams& params) {
    using R = rmi::RecParams;
    if (recs_.size() >= features_.max_recs) return kRealmStateError;
    const std::uint64_t mpidr = params.get(R::kMpidr);
    if ((mpidr & ~kMpidrBits) != 0 || rec_index(mpidr) != recs_.size()) return kInputError;
    RVMM_CHECK(rim_.rec(params));
    recs_.push_back({mpidr, (params.get(R::kFlags) & R::kFlagRunnable) != 0});
    return RmiAnswer{};
}

RmiAnswer NewRealm::rec_enter(std::size_t rec) const {
    return rec < recs_.size() ? kRealmStateError : kInputError;
}

ActivatedRealm NewRealm::realm_activate(measure::RemRule rem_rule) && {
    ActiveRealm active;
    active.ipa_bits = params_.get(P::kS2sz);
    active.hash = hash();
    std::ranges::copy(params_.get(P::kRpv), active.personalization.begin());
    active.rim = rim();
    active.rem_rule = rem_rule;
    active.ram = rtt_.ram();
    for (const Rec& rec : recs_) active.mpidrs.push_back(rec.mpidr);
    return {std::move(rtt_), std::move(recs_), std::move(active)};
}

}  // namespace rvmm::realm
