#include "realm/rmm/acceptance.hpp"

#include "rmi/rtt.hpp"

namespace rvmm::realm {
namespace {

using P = rmi::RealmParams;

constexpr unsigned kMinIpaBits = 32;
constexpr unsigned kMaxIpaBits = 48;
constexpr unsigned kMaxIpaBitsLpa2 = 52;
constexpr unsigned kLevelZeroPaWidth = 44;  // narrower machines cannot start at level 0
constexpr unsigned kMecPolicyShift = 7;     // bits 8:7 of flags0
constexpr std::uint64_t kTreePerPlane = 1U << 0;
constexpr std::uint64_t kS2apIndirect = 1U << 1;

bool is_rmm1(const RmmFeatures& features) {
    return features.rule == measure::Rule::kRmm1;
}

bool has_flag(const RealmRequest& request, std::uint64_t flag) {
    return (request.params.get(P::kFlags0) & flag) != 0;
}

// The IPA bits that one table at `level` resolves. A table of level -1 has 16 entries.
unsigned table_bits(int level) {
    return static_cast<unsigned>(12 + 9 * (4 - level)) - (level == rmi::kRttMinLevel ? 5 : 0);
}

// One to 16 concatenated tables, and at least two entries: each half of the realm has one.
bool accepts_tables(const RmmFeatures& features, const RealmRequest& request) {
    const bool lpa2 = has_flag(request, P::kFlagLpa2);
    const unsigned ipa_bits = request.params.get(P::kS2sz);
    const std::int64_t start = request.rtt_level_start;
    if (start < (lpa2 ? rmi::kRttMinLevel : 0) || start > rmi::kRttPageLevel) return false;
    if (start == 0 && features.pa_width < kLevelZeroPaWidth) return false;
    const int level = static_cast<int>(start);
    const unsigned bits = table_bits(level);
    const unsigned least = static_cast<unsigned>(12 + 9 * (3 - level)) + 1;
    const bool concatenates = level > 0 || (level == 0 && lpa2);
    if (ipa_bits < least || ipa_bits > bits + (concatenates ? 4 : 0)) return false;
    return request.rtt_num_start == (ipa_bits > bits ? 1U << (ipa_bits - bits) : 1U);
}

bool accepts_width(const RmmFeatures& features, const RealmRequest& request) {
    const bool lpa2 = has_flag(request, P::kFlagLpa2);
    const unsigned ipa_bits = request.params.get(P::kS2sz);
    return (!lpa2 || features.lpa2) && ipa_bits >= kMinIpaBits && ipa_bits <= features.pa_width &&
           ipa_bits <= (lpa2 ? kMaxIpaBitsLpa2 : kMaxIpaBits);
}

bool accepts_cpu(const RmmFeatures& features, const RealmRequest& request) {
    const P& params = request.params;
    const auto in = [](std::uint32_t value, std::uint32_t max) {
        return value > 0 && value <= max;
    };
    if (!in(params.get(P::kNumBps), features.max_bps)) return false;
    if (!in(params.get(P::kNumWps), features.max_wps)) return false;
    if (has_flag(request, P::kFlagSve) && params.get(P::kSveVl) > features.max_sve_vl) return false;
    if (!has_flag(request, P::kFlagPmu)) return true;
    const std::uint32_t counters = params.get(P::kPmuNumCtrs);
    return counters <= features.max_pmu_ctrs && (counters > 0 || features.pmu_without_ctrs);
}

bool accepts_hash(const RmmFeatures& features, const RealmRequest& request) {
    const measure::Hash hash{request.params.get(P::kHashAlgo)};
    return hash == measure::Hash::kSha256 || hash == measure::Hash::kSha512 ||
           (hash == measure::Hash::kSha384 && !is_rmm1(features));
}

bool accepts_planes(const RmmFeatures& features, const RealmRequest& request) {
    if (((request.params.get(P::kFlags0) >> kMecPolicyShift) & 3) > 1) return false;
    if (request.num_aux_planes > features.max_aux_planes) return false;
    if (request.ats_plane > request.num_aux_planes) return false;
    const bool trees = (request.flags1 & kTreePerPlane) != 0;
    const bool indirect = (request.flags1 & kS2apIndirect) != 0;
    if (indirect && !features.s2ap_indirect) return false;
    // Planes have a tree each with direct permissions, or one tree with indirect ones.
    return request.num_aux_planes == 0 || trees != indirect;
}

}  // namespace

bool accepts(const RmmFeatures& features, const RealmRequest& request) {
    return accepts_width(features, request) && accepts_tables(features, request) &&
           accepts_cpu(features, request) && accepts_hash(features, request) &&
           (is_rmm1(features) || accepts_planes(features, request));
}

}  // namespace rvmm::realm
