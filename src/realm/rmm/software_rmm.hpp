// The software RMM: what a realm gets from RSI, PSCI and SMCCC calls. A plain class: no KVM, no
// threads, no files. The caller serialises calls; every call names the REC that made it.
//
// Behaviour: shared facts "RSI, PSCI and aborts as a running realm sees them" (TF-RMM main of
// July 2026), DEN0137 section B5 for names.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/rim.hpp"
#include "measure/token/claims.hpp"
#include "realm/spec/realm_spec.hpp"
#include "rmi/smc.hpp"

namespace rvmm::realm {

/// RIPAS of a page, as RSI encodes it (DEN0137 RsiRipas).
enum class Ripas : std::uint8_t { kEmpty = 0, kRam = 1 };

/// The RMM's own access to the realm's private memory. Only the RMM has one of these.
class RealmMemory {
  public:
    virtual ~RealmMemory() = default;
    /// Both fail (and do nothing) if any byte of the range is not private RAM.
    virtual Result<> read(Ipa ipa, MutableByteSpan out) = 0;
    virtual Result<> write(Ipa ipa, ByteSpan bytes) = 0;
};

/// Makes the token of a realm about which the RMM says this: challenge, RPV, hash, RIM and REMs;
/// what else there is to say, the source knows. Nothing where this host issues none. Called once
/// per ATTESTATION_TOKEN_INIT that is followed by a CONTINUE.
using TokenSource = std::function<std::optional<Bytes>(const measure::token::RealmClaims& claims)>;

/// A realm as it is when it has been activated.
struct ActiveRealm {
    unsigned ipa_bits = 40;  // s2sz, 32 to 52, with the unprotected half
    measure::Hash hash = measure::Hash::kSha256;
    std::array<std::byte, 64> personalization{};
    measure::Digest rim;  // of that hash
    measure::RemRule rem_rule = measure::RemRule::kTfRmm;
    std::vector<IpaRange> ram;          // memslots with RIPAS RAM at activation, ascending
    std::vector<std::uint64_t> mpidrs;  // of each REC, index order (affinity fields only)
    std::uint32_t gicv3_vtr = 0;        // RsiRealmConfig 0x18
    /// How many ATTESTATION_TOKEN_CONTINUE calls find the signature unfinished and are answered
    /// INCOMPLETE without bytes, as when interrupts stop an RMM that signs (seen: 3).
    unsigned signing_calls = 3;
};

/// The guest asked for a RIPAS change. The host converts `changes` (which may be empty: then there
/// is nothing to do but to say so) and calls complete().
struct IpaStateChange {
    IpaRange range;  // as asked for
    Ripas ripas = Ripas::kEmpty;
    std::vector<IpaRange> changes;  // the parts that are RAM slots and have the other RIPAS now
    bool reject = false;            // RAM was asked for where there is none at range.base()
    Ipa progress;                   // X1 of the answer: the first address that was not changed
};

/// RSI_HOST_CALL: the host sees gprs 0..30 and answers with them.
struct HostCallRequest {
    Ipa ipa;
    std::uint16_t immediate;
    std::array<std::uint64_t, 31> gprs;
};

/// PSCI CPU_ON was accepted: REC `target` is to start at `entry` with X0 = `context`.
struct CpuOnRequest {
    std::size_t target;
    Ipa entry;
    std::uint64_t context;
};
/// PSCI CPU_OFF: the calling REC stops.
struct CpuOffRequest {};
/// The call was answered; the registers hold the results.
struct Handled {};
/// SYSTEM_OFF / SYSTEM_RESET.
struct SystemOffRequest {};
struct SystemResetRequest {};

using SmcOutcome = std::variant<Handled, IpaStateChange, HostCallRequest, CpuOnRequest,
                                CpuOffRequest, SystemOffRequest, SystemResetRequest>;

class SoftwareRmm {
  public:
    static Result<SoftwareRmm> create(ActiveRealm realm, RealmMemory& memory,
                                      TokenSource tokens = {});
    SoftwareRmm(SoftwareRmm&&) noexcept;
    SoftwareRmm& operator=(SoftwareRmm&&) noexcept;
    ~SoftwareRmm();

    /// One SMC #0 by REC `rec` (index). `registers` holds X0 to X30; on Handled, CpuOnRequest and
    /// CpuOffRequest it holds the results.
    SmcOutcome smc(std::size_t rec, rmi::SmcRegisters& registers);

    /// Ends an IpaStateChange: applies it to the RIPAS map and sets the registers.
    void complete(const IpaStateChange& change, rmi::SmcRegisters& registers);
    /// Ends a HostCallRequest: stores `gprs` into the RsiHostCall structure and sets the registers.
    void complete(const HostCallRequest& call, const std::array<std::uint64_t, 31>& gprs,
                  rmi::SmcRegisters& registers);

    /// The RIPAS of the page at `ipa` (EMPTY for anything that is no RAM).
    Ripas ripas_at(Ipa ipa) const;
    /// The runs of pages with RIPAS RAM, ascending, the first `limit` of them.
    std::vector<IpaRange> ram(std::size_t limit) const;
    /// RIM (index 0) or REM 1 to 4, hash-length bytes.
    ByteSpan measurement(std::size_t index) const;

  private:
    struct State;
    explicit SoftwareRmm(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace rvmm::realm
