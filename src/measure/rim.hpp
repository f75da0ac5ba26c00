// The extension rules of a realm's measurements, as pure functions of what the RMM is given.
//
// Source: the shared facts page "Arm CCA realm measurements", sections 1 and 2. RMMs do not agree
// with each other; a Rule says whose measurement is computed.
#pragma once

#include <cstdint>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"
#include "rmi/records.hpp"

namespace rvmm::measure {

enum class Rule : std::uint8_t {
    kRmm2TfRmm,  // "rmm-2.0/tf-rmm": the parameters are measured, RIPAS is not
};

/// Bytes of a page that one DATA step measures.
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

    /// RMI_RTT_DATA_MAP_INIT of a measured page: `page` is kMeasuredPageSize bytes.
    Result<> data(Ipa ipa, ByteSpan page);
    /// The same for a page of which only the digest (digest_size() bytes) is known.
    Result<> data_digest(Ipa ipa, ByteSpan page_digest);
    /// RMI_RTT_DATA_MAP_INIT of an unmeasured page: its address counts, its content does not.
    Result<> data_unmeasured(Ipa ipa);

    /// RMI_REC_CREATE. Only flags, PC and X0 to X7 count, and only those of a runnable REC.
    Result<> rec(const rmi::RecParams& params);

    /// digest_size() bytes; zero before realm_create().
    ByteSpan rim() const { return rim_; }

  private:
    Result<> extend(ByteSpan descriptor);
    Result<> extend_data(Ipa ipa, std::uint64_t flags, ByteSpan content);

    Rule rule_;
    Hash hash_;
    Bytes rim_;
};

/// RSI_MEASUREMENT_EXTEND: what a REM becomes when it is `old` (digest_size() bytes) and is
/// extended with `value` (0 to 64 bytes).
Result<Bytes> rem_extend(Rule rule, Hash hash, ByteSpan old, ByteSpan value);

}  // namespace rvmm::measure
