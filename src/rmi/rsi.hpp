// The Realm Services Interface as data: function identifiers, status codes, values and the two
// structures that lie in realm memory. Source: DEN0137 section B5 (RSI 1.0 and 1.1).
#pragma once

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
    static constexpr std::string_view kSection = "DEN0137 RsiRealmConfig";
    static constexpr Access kAccess = Access::kRmmToRealm;

    static constexpr Field<std::uint64_t> kIpaWidth{"ipa_width", 0x00, kAccess};  // both halves
    static constexpr Field<std::uint8_t> kHashAlgo{"hash_algo", 0x08, kAccess, kEveryBeta,
                                                   Names{kHashNames}};
    static constexpr Field<std::uint8_t> kNumAuxPlanes{"num_aux_planes", 0x10, kAccess, kAny20};
    static constexpr Field<std::uint32_t> kGicv3Vtr{"gicv3_vtr", 0x18, kAccess, kAny20,
                                                    Hex{}};  // ICH_VTR_EL2
    static constexpr Field<std::uint64_t> kAtsPlane{"ats_plane", 0x20, kAccess, kAny20};
    static constexpr ByteField<64> kRpv{"rpv", 0x200, kAccess};  // realm personalization value

    static constexpr std::tuple kFields{kIpaWidth, kHashAlgo, kNumAuxPlanes,
                                        kGicv3Vtr, kAtsPlane, kRpv};
};

/// RsiHostCall: what HOST_CALL passes to the host and gets back. Aligned to its size.
struct RsiHostCall : Record<256> {
    static constexpr std::string_view kSection = "DEN0137 RsiHostCall";

    static constexpr Field<std::uint16_t> kImmediate{"imm", 0x00, Access::kRealmToRmm, kEveryBeta,
                                                     Hex{}};
    static constexpr Field<std::uint64_t, 31> kGprs{"gprs", 0x08, Access::kRealmAndBack, kEveryBeta,
                                                    Hex{}};

    static constexpr std::tuple kFields{kImmediate, kGprs};
};

}  // namespace rvmm::rmi
