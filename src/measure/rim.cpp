#include "measure/rim.hpp"

#include <algorithm>
#include <array>

namespace rvmm::measure {
namespace {

constexpr std::array<std::string_view, 3> kRuleNames = {"rmm-1.0", "rmm-2.0/tf-rmm",
                                                        "rmm-2.0/spec"};
constexpr std::array<std::string_view, 2> kRemRuleNames = {"tf-rmm", "spec"};
constexpr std::array<std::size_t, 3> kGranuleSizes = {4096, 16384, 65536};
constexpr std::size_t kSlotSize = 64;  // a measurement's slot, whatever the hash

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

RimExtender::RimExtender(Rule rule, Hash hash) : rule_(rule), hasher_(hash), rim_(hash) {}

Result<> RimExtender::realm_create(const rmi::RealmParams& params) {
    if (rule_ == Rule::kRmm2Spec) return {};
    return extend(measured_part(params).bytes());
}

Result<> RimExtender::data(Ipa ipa, ByteSpan page) {
    if (std::ranges::find(kGranuleSizes, page.size()) == kGranuleSizes.end())
        return fail(Stage::kInternal, "no granule has {} bytes", page.size());
    RVMM_TRY(const Digest content, hasher_.digest({page}));
    return extend_data(ipa, rmi::DataMeasurement::kFlagMeasured, content.bytes());
}

Result<> RimExtender::data_digest(Ipa ipa, const Digest& page_digest) {
    if (page_digest.size() != digest_size(hash()))
        return fail(Stage::kInternal, "a {} digest has {} bytes", to_string(hash()),
                    page_digest.size());
    return extend_data(ipa, rmi::DataMeasurement::kFlagMeasured, page_digest.bytes());
}

Result<> RimExtender::data_unmeasured(Ipa ipa) {
    return extend_data(ipa, 0, {});
}

Result<Digest> RimExtender::rec_digest(const rmi::RecParams& params) {
    return hasher_.digest({measured_part(params).bytes()});
}

Result<> RimExtender::rec(const rmi::RecParams& params) {
    if ((params.get(rmi::RecParams::kFlags) & rmi::RecParams::kFlagRunnable) == 0) return {};
    RVMM_TRY(const Digest page, rec_digest(params));
    using M = rmi::RecMeasurement;
    M descriptor;
    descriptor.set(M::kType, M::kTypeValue);
    descriptor.set(M::kLen, M::kSize);
    descriptor.set(M::kRim, rim_.bytes());
    descriptor.set(M::kParams, page.bytes());
    return extend(descriptor.bytes());
}

Result<> RimExtender::ripas(const IpaRange& entry) {
    if (rule_ != Rule::kRmm1) return {};
    using M = rmi::RipasMeasurement;
    M descriptor;
    descriptor.set(M::kType, M::kTypeValue);
    descriptor.set(M::kLen, M::kSize);
    descriptor.set(M::kRim, rim_.bytes());
    descriptor.set(M::kBase, entry.base().value);
    descriptor.set(M::kTop, entry.top().value);
    return extend(descriptor.bytes());
}

Result<> RimExtender::extend_data(Ipa ipa, std::uint64_t flags, ByteSpan content) {
    using M = rmi::DataMeasurement;
    M descriptor;
    descriptor.set(M::kType, M::kTypeValue);
    descriptor.set(M::kLen, M::kSize);
    descriptor.set(M::kRim, rim_.bytes());
    descriptor.set(M::kIpa, ipa.value);
    descriptor.set(M::kFlags, flags);
    descriptor.set(M::kContent, content);
    return extend(descriptor.bytes());
}

Result<> RimExtender::extend(ByteSpan descriptor) {
    RVMM_TRY(rim_, hasher_.digest({descriptor}));
    return {};
}

Result<Digest> rem_extend(RemRule rule, Hash hash, const Digest& old, ByteSpan value) {
    if (old.size() != digest_size(hash) || value.size() > kSlotSize)
        return fail(Stage::kInternal, "a {} REM has {} bytes and takes up to {}, not {} and {}",
                    to_string(hash), digest_size(hash), kSlotSize, old.size(), value.size());
    constexpr std::array<std::byte, kSlotSize> zeros{};
    const ByteSpan padding(zeros);
    if (rule == RemRule::kTfRmm) return digest(hash, {old.bytes(), value});
    return digest(hash, {old.bytes(), padding.first(kSlotSize - old.size()), value,
                         padding.first(kSlotSize - value.size())});
}

std::string_view to_string(Rule rule) {
    return kRuleNames[static_cast<std::size_t>(rule)];
}

std::optional<Rule> parse_rule(std::string_view name) {
    const auto found = std::ranges::find(kRuleNames, name);
    if (found == kRuleNames.end()) return std::nullopt;
    return static_cast<Rule>(found - kRuleNames.begin());
}

std::string_view to_string(RemRule rule) {
    return kRemRuleNames[static_cast<std::size_t>(rule)];
}

std::optional<RemRule> parse_rem_rule(std::string_view name) {
    const auto found = std::ranges::find(kRemRuleNames, name);
    if (found == kRemRuleNames.end()) return std::nullopt;
    return static_cast<RemRule>(found - kRemRuleNames.begin());
}

}  // namespace rvmm::measure
