#include "realm/rmm/software_rmm.hpp"

#include <cassert>
#include <utility>

#include "realm/rmm/answer.hpp"
#include "realm/rmm/measurements.hpp"
#include "realm/rmm/psci.hpp"
#include "realm/rmm/realm_pages.hpp"
#include "realm/rmm/token_session.hpp"

namespace rvmm::realm {

using rmi::RsiFunction;
using rmi::RsiStatus;

namespace {

Result<> check(const ActiveRealm& realm) {
    if (realm.ipa_bits < 32 || realm.ipa_bits > 52)
        return fail(Stage::kInternal, "a realm cannot have {} IPA bits", realm.ipa_bits);
    if (realm.rim.size() != measure::digest_size(realm.hash))
        return fail(Stage::kInternal, "a RIM of {} bytes does not fit {}", realm.rim.size(),
                    measure::to_string(realm.hash));
    if (realm.mpidrs.empty()) return fail(Stage::kInternal, "a realm without a REC");
    const Ipa protected_end{1ULL << (realm.ipa_bits - 1)};
    Ipa next{0};
    for (const IpaRange& slot : realm.ram) {
        const bool aligned = is_aligned(slot.base().value | slot.size(), rmi::kRsiGranuleSize);
        if (!aligned || slot.empty() || slot.base() < next || slot.top() > protected_end)
            return fail(Stage::kInternal, "RAM at {:#x}, {:#x} bytes, does not fit the realm",
                        slot.base().value, slot.size());
        next = slot.top();
    }
    return {};
}

// The highest revision that is not above what is asked for, and the highest that there is.
void version(rmi::SmcRegisters& registers) {
    const std::uint64_t asked = registers.x[1];
    const bool known = asked == rmi::kRsiVersion10 || asked == rmi::kRsiVersion11;
    answer(registers, known ? RsiStatus::kSuccess : RsiStatus::kErrorInput,
           known ? asked : rmi::kRsiVersion11, rmi::kRsiVersion11);
}

}  // namespace

struct SoftwareRmm::State {
    State(ActiveRealm r, RealmMemory& memory, TokenSource t)
        : realm(std::move(r)),
          pages(realm, memory),
          measurements(realm.hash, realm.rim, realm.rem_rule),
          psci(realm.mpidrs, 1ULL << (realm.ipa_bits - 1)),
          sessions(realm.mpidrs.size()) {
        if (!t) return;
        sign = [this, source = std::move(t)](std::span<const std::byte, 64> challenge) {
            return source(claims(challenge));
        };
    }

    measure::token::RealmClaims claims(std::span<const std::byte, 64> challenge) const;

    SmcOutcome rsi(std::size_t rec, rmi::SmcRegisters& registers);
    void realm_config(rmi::SmcRegisters& registers) const;
    SmcOutcome host_call(rmi::SmcRegisters& registers) const;

    ActiveRealm realm;
    RealmPages pages;
    Measurements measurements;
    Psci psci;
    std::vector<TokenSession> sessions;  // one a REC
    SignToken sign;                      // nothing: no tokens
};

measure::token::RealmClaims SoftwareRmm::State::claims(
    std::span<const std::byte, 64> challenge) const {
    measure::token::RealmClaims claims;
    claims.challenge.assign(challenge.begin(), challenge.end());
    claims.rpv.assign(realm.personalization.begin(), realm.personalization.end());
    claims.hash = realm.hash;
    claims.rim = *measure::Digest::from(measurements.at(0));
    for (std::size_t i = 0; i < claims.rems.size(); ++i)
        claims.rems[i] = *measure::Digest::from(measurements.at(1 + i));
    return claims;
}

SmcOutcome SoftwareRmm::State::rsi(std::size_t rec, rmi::SmcRegisters& registers) {
    switch (RsiFunction{rmi::function_id(registers)}) {
        case RsiFunction::kVersion:
            version(registers);
            break;
        case RsiFunction::kFeatures:
            answer(registers, RsiStatus::kSuccess);
            break;
        case RsiFunction::kMeasurementRead:
            measurements.read(registers);
            break;
        case RsiFunction::kMeasurementExtend:
            measurements.extend(registers);
            break;
        case RsiFunction::kAttestationTokenInit:
            sessions[rec].init(sign, realm.signing_calls, registers);
            break;
        case RsiFunction::kAttestationTokenContinue:
            sessions[rec].proceed(sign, pages, registers);
            break;
        case RsiFunction::kRealmConfig:
            realm_config(registers);
            break;
        case RsiFunction::kIpaStateSet:
            return pages.set_state(registers);
        case RsiFunction::kIpaStateGet:
            pages.get_state(registers);
            break;
        case RsiFunction::kHostCall:
            return host_call(registers);
        default:
            answer(registers, rmi::kSmcUnknown);
            break;
    }
    return Handled{};
}

void SoftwareRmm::State::realm_config(rmi::SmcRegisters& registers) const {
    using Config = rmi::RsiRealmConfig;
    const std::uint64_t page = registers.x[1];
    Config config;
    config.set(Config::kIpaWidth, realm.ipa_bits);
    config.set(Config::kHashAlgo, static_cast<std::uint8_t>(realm.hash));
    config.set(Config::kGicv3Vtr, realm.gicv3_vtr);
    config.set(Config::kRpv, realm.personalization);
    const bool written = pages.is_granule(page) && pages.write(Ipa{page}, config.bytes());
    answer(registers, written ? RsiStatus::kSuccess : RsiStatus::kErrorInput);
}

SmcOutcome SoftwareRmm::State::host_call(rmi::SmcRegisters& registers) const {
    const Ipa ipa{registers.x[1]};
    rmi::RsiHostCall call;
    if (!pages.is_protected(ipa.value) || !is_aligned(ipa.value, call.kSize) ||
        !pages.read(ipa, call.mutable_bytes())) {
        answer(registers, RsiStatus::kErrorInput);
        return Handled{};
    }
    HostCallRequest request{.ipa = ipa, .immediate = call.get(call.kImmediate), .gprs = {}};
    for (std::size_t i = 0; i < request.gprs.size(); ++i) request.gprs[i] = call.get(call.kGprs, i);
    return request;
}

Result<SoftwareRmm> SoftwareRmm::create(ActiveRealm realm, RealmMemory& memory,
                                        TokenSource tokens) {
    RVMM_CHECK(check(realm));
    return SoftwareRmm(std::make_unique<State>(std::move(realm), memory, std::move(tokens)));
}

SoftwareRmm::SoftwareRmm(std::unique_ptr<State> state) : state_(std::move(state)) {}
SoftwareRmm::SoftwareRmm(SoftwareRmm&&) noexcept = default;
SoftwareRmm& SoftwareRmm::operator=(SoftwareRmm&&) noexcept = default;
SoftwareRmm::~SoftwareRmm() = default;

SmcOutcome SoftwareRmm::smc(std::size_t rec, rmi::SmcRegisters& registers) {
    assert(rec < state_->sessions.size());
    const std::uint32_t function = rmi::function_id(registers);
    if (Psci::owns(function)) return state_->psci.call(rec, registers);
    if (function != rmi::kSmcccVersion) return state_->rsi(rec, registers);
    answer(registers, rmi::kSmcccVersion12);
    return Handled{};
}

void SoftwareRmm::complete(const IpaStateChange& change, rmi::SmcRegisters& registers) {
    state_->pages.complete(change, registers);
}

void SoftwareRmm::complete(const HostCallRequest& call, const std::array<std::uint64_t, 31>& gprs,
                           rmi::SmcRegisters& registers) {
    rmi::RsiHostCall results;
    for (std::size_t i = 0; i < gprs.size(); ++i) results.set(results.kGprs, gprs[i], i);
    const std::size_t offset = results.kGprs.offset;
    // A page that another REC made EMPTY meanwhile takes no results; the call succeeds all the
    // same.
    (void)state_->pages.write(call.ipa + offset, results.bytes().subspan(offset));
    registers.x[0] = rmi::to_register(RsiStatus::kSuccess);
}

Ripas SoftwareRmm::ripas_at(Ipa ipa) const {
    return state_->pages.ripas().at(ipa);
}

std::vector<IpaRange> SoftwareRmm::ram(std::size_t limit) const {
    return state_->pages.ripas().ram(limit);
}

ByteSpan SoftwareRmm::measurement(std::size_t index) const {
    return state_->measurements.at(index);
}

}  // namespace rvmm::realm
