#include "fake_kvm/rmm.hpp"

namespace rvmm::vmm::fake {
namespace {

using P = rmi::RealmParams;
using realm::KvmHost;

// TF-RMM under QEMU: breakpoints and the like are the host's own limits.
realm::RmmFeatures features_of(const Host& host) {
    realm::RmmFeatures features;
    features.rule = host.rules.rmm;
    features.pa_width = host.options.rmm_ipa_bits;
    features.max_bps = host.options.brps;
    features.max_wps = host.options.wrps;
    features.max_pmu_ctrs = host.options.pmu_counters;
    return features;
}

bool accepts_coarse(const Host& host, const P& params) {
    const auto in = [](std::uint32_t value, std::uint32_t most) {
        return value > 0 && value <= most;
    };
    return in(params.get(P::kNumBps), host.options.brps) &&
           in(params.get(P::kNumWps), host.options.wrps) &&
           params.get(P::kS2sz) <= host.options.rmm_ipa_bits;
}

}  // namespace

std::unique_ptr<Rmm> Rmm::create(const Host& host, const P& params) {
    std::unique_ptr<Rmm> rmm;
    const measure::Hash hash{params.get(P::kHashAlgo)};
    if (host.options.page_size == kPageSize4K) {
        auto made = KvmHost::create(features_of(host), params);
        if (!made) return nullptr;
        rmm.reset(new Rmm(host, *std::move(made)));
    } else {
        if (!accepts_coarse(host, params)) return nullptr;
        measure::RimExtender extender(host.rules.rmm, hash);
        extender.realm_create(params).value();
        rmm.reset(new Rmm(host, std::move(extender)));
    }
    rmm->hash_ = hash;
    return rmm;
}

realm::PageContent Rmm::content(ByteSpan page) const {
    if (host_.options.page_digest) return host_.options.page_digest(page);
    if (!host_.options.hash_pages) return measure::Digest(hash_);
    return page;
}

bool Rmm::populate(Ipa ipa, bool measured, ByteSpan page) {
    const realm::PageContent shown = measured ? content(page) : measure::Digest(hash_);
    if (auto* kvm = std::get_if<KvmHost>(&state_)) return kvm->populate(ipa, measured, shown);
    const RangeSet::Run run = {ipa.value, ipa.value + host_.options.page_size};
    if (coarse_pages_.contains(run.begin)) return false;
    coarse_pages_.add(run);
    auto& extender = std::get<measure::RimExtender>(state_);
    if (!measured)
        extender.data_unmeasured(ipa).value();
    else if (const auto* digest = std::get_if<measure::Digest>(&shown))
        extender.data_digest(ipa, *digest).value();
    else
        extender.data(ipa, std::get<ByteSpan>(shown)).value();
    return true;
}

bool Rmm::create_rec(const rmi::RecParams& params) {
    if (auto* kvm = std::get_if<KvmHost>(&state_)) return kvm->create_rec(params);
    std::get<measure::RimExtender>(state_).rec(params).value();
    return true;
}

KvmHost::Ripas Rmm::init_ripas(const IpaRange& range, bool by_call) {
    if (auto* kvm = std::get_if<KvmHost>(&state_)) {
        const bool skips = host_.rules.ripas_skips && !by_call;
        return skips ? kvm->init_ripas_of_slot(range) : kvm->init_ripas_of_call(range);
    }
    ram.add({range.base().value, range.top().value});  // never measured: granules above 4 KiB
    return KvmHost::Ripas::kDone;
}

void Rmm::activate() {
    auto* kvm = std::get_if<KvmHost>(&state_);
    if (kvm == nullptr) return;
    realm::ActivatedRealm active = std::move(*kvm).activate();
    for (const IpaRange& range : active.active().ram)
        ram.add({range.base().value, range.top().value});
    state_ = std::move(active);
}

measure::Digest Rmm::rim() const {
    if (const auto* kvm = std::get_if<KvmHost>(&state_)) return kvm->rim();
    if (const auto* active = std::get_if<realm::ActivatedRealm>(&state_))
        return active->active().rim;
    return std::get<measure::RimExtender>(state_).rim();
}

const realm::ActiveRealm* Rmm::active() const {
    const auto* active = std::get_if<realm::ActivatedRealm>(&state_);
    return active != nullptr ? &active->active() : nullptr;
}

}  // namespace rvmm::vmm::fake
