// The extension rules of a realm's measurements, as pure functions of what the RMM is given.
//
// Source: the shared facts page "Arm CCA realm measurements", sections 0 to 2. RMMs do not agree
// with each other; a Rule says whose measurement is computed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"
#include "rmi/records.hpp"

namespace rvmm::measure {

/// Whose RIM.
enum class Rule : std::uint8_t {
    kRmm1,       // "rmm-1.0": TF-RMM up to v0.8.0; parameters and RIPAS are measured
    kRmm2TfRmm,  // "rmm-2.0/tf-rmm": TF-RMM from v0.9.0; the parameters are measured, RIPAS is not
    kRmm2Spec,  // "rmm-2.0/spec": DEN0137 2.0 drafts; the RIM starts at zero, RIPAS is not measured
};
std::string_view to_string(Rule rule);
std::optional<Rule> parse_rule(std::string_view name);

/// Bytes of a page that one DATA step measures, where the RMM's granule is 4 KiB.
inline constexpr std::size_t kMeasuredPageSize = 4096;

/// The realm initial measurement of a realm under construction. Calls come in the order of the RMI
/// calls they stand for, realm_create() first; a call that the RMM would refuse is not made.
/// Every function fails (Stage::kInternal) only if OpenSSL does, or on misuse that is said below;
/// the RIM is then unchanged.
class RimExtender {
  public:
    RimExtender(Rule rule, Hash hash);

    /// RMI_REALM_CREATE. Only the measured fields of `params` count (not the RPV, say).
    Result<> realm_create(const rmi::RealmParams& params);

    /// RMI_DATA_CREATE (1.0) or RMI_RTT_DATA_MAP_INIT (2.0) of a measured page: `page` is one
    /// granule of 4, 16 or 64 KiB.
    Result<> data(Ipa ipa, ByteSpan page);
    /// The same for a page of which only the digest is known; it is one of the realm's hash.
    Result<> data_digest(Ipa ipa, const Digest& page_digest);
    /// The same call for an unmeasured page: its address counts, its content does not.
    Result<> data_unmeasured(Ipa ipa);

    /// RMI_REC_CREATE. Only flags, PC and X0 to X7 count, and only those of a runnable REC.
    Result<> rec(const rmi::RecParams& params);
    /// The digest of the measured part of `params`: what a runnable REC contributes.
    Result<Digest> rec_digest(const rmi::RecParams& params);

    /// One RTT entry that RMI_RTT_INIT_RIPAS made RAM. Measured by kRmm1 alone.
    Result<> ripas(const IpaRange& entry);

    /// Zero before realm_create().
    const Digest& rim() const { return rim_; }
    /// Goes on from `rim`, one of the same rule and hash that was reached before.
    void resume(const Digest& rim) { rim_ = rim; }

    Rule rule() const { return rule_; }
    Hash hash() const { return hasher_.hash(); }

  private:
    Result<> extend(ByteSpan descriptor);
    Result<> extend_data(Ipa ipa, std::uint64_t flags, ByteSpan content);

    Rule rule_;
    Hasher hasher_;
    Digest rim_;
};

/// Whose REMs.
enum class RemRule : std::uint8_t {
    kTfRmm,  // H(old || value), neither padded: every TF-RMM
    kSpec,   // H(64-byte slot of old || value zero-padded to 64 bytes): DEN0137's wording
};
std::string_view to_string(RemRule rule);
std::optional<RemRule> parse_rem_rule(std::string_view name);

/// RSI_MEASUREMENT_EXTEND: what a REM becomes when it is `old` (of the realm's hash) and is
/// extended with `value` (0 to 64 bytes).
Result<Digest> rem_extend(RemRule rule, Hash hash, const Digest& old, ByteSpan value);

}  // namespace rvmm::measure
