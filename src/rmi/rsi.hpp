// The Realm Services Interface as data: function identifiers, status codes, values and the two
// structures that lie in realm memory. Source: DEN0137 section B5 (RSI 1.0 and 1.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "rmi/records.hpp"

namespace rvmm::rmi {

/// The functions that every RSI 1.0 implementation has. X0 of the call.
enum class RsiFunction : std::uint32_t {
    kVersion = 0xc400'0190,
    kFeatures = 0xc400'0191,
    kMeasurementRead = 0xc400'0192,
    kMeasurementExtend = 0xc400'0193,
    kAttestationTokenInit = 0xc400'0194,
    kAttestationTokenContinue = 0xc400'0195,
    kRealmConfig = 0xc400'0196,
    kIpaStateSet = 0xc400'0197,
    kIpaStateGet = 0xc400'0198,
    kHostCall = 0xc400'0199,
};

/// RsiCommandReturnCode: X0 of an answer.
enum class RsiStatus : std::uint64_t {
    kSuccess = 0,
    kErrorInput = 1,
    kErrorState = 2,
    kIncomplete = 3,
    kErrorUnknown = 4,
};

constexpr std::uint64_t to_register(RsiStatus status) {
    return static_cast<std::uint64_t>(status);
}

/// Interface revisions as RSI_VERSION writes them: major << 16, minor.
inline constexpr std::uint64_t kRsiVersion10 = 0x1'0000;
inline constexpr std::uint64_t kRsiVersion11 = 0x1'0001;

/// RsiResponse: X2 of IPA_STATE_SET's answer.
inline constexpr std::uint64_t kRsiAccept = 0;
inline constexpr std::uint64_t kRsiReject = 1;

/// Measurements of a realm: index 0 is the RIM, 1 to 4 are the REMs.
inline constexpr std::size_t kRsiMeasurementCount = 5;
/// The largest value that MEASUREMENT_EXTEND takes. Bytes.
inline constexpr std::size_t kRsiExtendMaxSize = 64;
/// X1 of ATTESTATION_TOKEN_INIT's answer: no token is larger. Bytes.
inline constexpr std::size_t kRsiTokenMaxSize = 4096;
/// RSI's granule. Bytes.
inline constexpr std::uint64_t kRsiGranuleSize = 4096;

/// RsiRealmConfig: what REALM_CONFIG writes. One granule; what is not named is zero.
struct RsiRealmConfig : Record<4096> {
    static constexpr Field<std::uint64_t> kIpaWidth{"ipa_width", 0x00};  // bits, both halves
    static constexpr Field<std::uint8_t> kHashAlgo{"hash_algo", 0x08};   // RmiHashAlgorithm
    static constexpr Field<std::uint8_t> kNumAuxPlanes{"num_aux_planes", 0x10};  // RSI 1.1
    static constexpr Field<std::uint32_t> kGicv3Vtr{"gicv3_vtr", 0x18};  // RSI 1.1: ICH_VTR_EL2
    static constexpr ByteField<64> kRpv{"rpv", 0x200};  // realm personalization value

    static constexpr std::array kFields = {info(kIpaWidth), info(kHashAlgo), info(kNumAuxPlanes),
                                           info(kGicv3Vtr), info(kRpv)};
};
static_assert(sizeof(RsiRealmConfig) == kRsiGranuleSize);
static_assert(well_formed(RsiRealmConfig::kFields, RsiRealmConfig::kSize));

/// RsiHostCall: what HOST_CALL passes to the host and gets back. Aligned to its size.
struct RsiHostCall : Record<256> {
    static constexpr Field<std::uint16_t> kImmediate{"imm", 0x00};
    static constexpr Field<std::uint64_t, 31> kGprs{"gprs", 0x08};

    static constexpr std::array kFields = {info(kImmediate), info(kGprs)};
};
static_assert(sizeof(RsiHostCall) == 0x100);
static_assert(well_formed(RsiHostCall::kFields, RsiHostCall::kSize));

}  // namespace rvmm::rmi
