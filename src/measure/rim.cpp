#include "measure/rim.hpp"

namespace rvmm::measure {
namespace {

rmi::RealmParams measured_part(const rmi::RealmParams& params) {
    using P = rmi::RealmParams;
    P page;
    page.set(P::kFlags0, params.get(P::kFlags0));
    page.set(P::kS2sz, params.get(P::kS2sz));
    page.set(P::kSveVl, params.get(P::kSveVl));
    page.set(P::kNumBps, params.get(P::kNumBps));
    page.set(P::kNumWps, params.get(P::kNumWps));
    page.set(P::kPmuNumCtrs, params.get(P::kPmuNumCtrs));
    page.set(P::kHashAlgo, params.get(P::kHashAlgo));
    return page;
}

rmi::RecParams measured_part(const rmi::RecParams& params) {
    using P = rmi::RecParams;
    P page;
    page.set(P::kFlags, params.get(P::kFlags));
    page.set(P::kPc, params.get(P::kPc));
    for (std::size_t i = 0; i < 8; ++i) page.set(P::kGprs, params.get(P::kGprs, i), i);
    return page;
}

}  // namespace

RimExtender::RimExtender(Rule rule, Hash hash)
    : rule_(rule), hash_(hash), rim_(digest_size(hash)) {}

Result<> RimExtender::realm_create(const rmi::RealmParams& params) {
    switch (rule_) {
        case Rule::kRmm2TfRmm:
            return extend(measured_part(params).bytes());
    }
    return fail(Stage::kInternal, "unknown measurement rule {}", static_cast<unsigned>(rule_));
}

Result<> RimExtender::data(Ipa ipa, ByteSpan page) {
    if (page.size() != kMeasuredPageSize)
        return fail(Stage::kInternal, "a measured page has {} bytes", page.size());
    RVMM_TRY(const Bytes content, digest(hash_, {page}));
    return extend_data(ipa, rmi::DataMeasurement::kFlagMeasured, content);
}

Result<> RimExtender::data_digest(Ipa ipa, ByteSpan page_digest) {
    if (page_digest.size() != digest_size(hash_))
        return fail(Stage::kInternal, "a {} digest has {} bytes", to_string(hash_),
                    page_digest.size());
    return extend_data(ipa, rmi::DataMeasurement::kFlagMeasured, page_digest);
}

Result<> RimExtender::data_unmeasured(Ipa ipa) {
    return extend_data(ipa, 0, {});
}

Result<> RimExtender::rec(const rmi::RecParams& params) {
    if ((params.get(rmi::RecParams::kFlags) & rmi::RecParams::kFlagRunnable) == 0) return {};
    RVMM_TRY(const Bytes page, digest(hash_, {measured_part(params).bytes()}));
    using M = rmi::RecMeasurement;
    M descriptor;
    descriptor.set(M::kType, M::kTypeValue);
    descriptor.set(M::kLen, M::kSize);
    descriptor.set(M::kRim, rim_);
    descriptor.set(M::kParams, page);
    return extend(descriptor.bytes());
}

Result<> RimExtender::extend_data(Ipa ipa, std::uint64_t flags, ByteSpan content) {
    using M = rmi::DataMeasurement;
    M descriptor;
    descriptor.set(M::kType, M::kTypeValue);
    descriptor.set(M::kLen, M::kSize);
    descriptor.set(M::kRim, rim_);
    descriptor.set(M::kIpa, ipa.value);
    descriptor.set(M::kFlags, flags);
    descriptor.set(M::kContent, content);
    return extend(descriptor.bytes());
}

Result<> RimExtender::extend(ByteSpan descriptor) {
    RVMM_TRY(rim_, digest(hash_, {descriptor}));
    return {};
}

Result<Bytes> rem_extend(Rule rule, Hash hash, ByteSpan old, ByteSpan value) {
    switch (rule) {
        case Rule::kRmm2TfRmm:
            return digest(hash, {old, value});
    }
    return fail(Stage::kInternal, "unknown measurement rule {}", static_cast<unsigned>(rule));
}

}  // namespace rvmm::measure
