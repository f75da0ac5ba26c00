// The Realm Management Interface as data: the commands that rvmm knows, status codes, and how an
// answer's X0 packs them. Source: DEN0137 1.0-rel0, Linux' header for 2.0-bet1, TF-RMM's headers.
#pragma once

#include <utility>

#include "rmi/field.hpp"

namespace rvmm::rmi {

/// RMI commands, by the function identifier in X0. One number can have a name for each interface.
enum class RmiFunction : std::uint32_t {
    kVersion = 0xc400'0150,
    kGranuleDelegate = 0xc400'0151,
    kGranuleUndelegate = 0xc400'0152,
    kDataCreate = 0xc400'0153,
    kRttDataMapInit = 0xc400'0153,
    kDataCreateUnknown = 0xc400'0154,
    kRealmActivate = 0xc400'0157,
    kRealmCreate = 0xc400'0158,
    kRealmDestroy = 0xc400'0159,
    kRecCreate = 0xc400'015a,
    kRecDestroy = 0xc400'015b,
    kRttCreate = 0xc400'015d,
    kFeatures = 0xc400'0165,
    kRecAuxCount = 0xc400'0167,
    kRttInitRipas = 0xc400'0168,
    kRttDataMap = 0xc400'01f5,
    kRmmActivate = 0xc400'0202,
    kOpContinue = 0xc400'0203,
    kOpMemDonate = 0xc400'0208,
};

inline constexpr std::array kRmiFunctionNames = {
    ValueName{std::to_underlying(RmiFunction::kVersion), "RMI_VERSION"},
    ValueName{std::to_underlying(RmiFunction::kGranuleDelegate), "RMI_GRANULE_DELEGATE", kOnly10},
    ValueName{std::to_underlying(RmiFunction::kGranuleUndelegate), "RMI_GRANULE_UNDELEGATE",
              kOnly10},
    ValueName{std::to_underlying(RmiFunction::kDataCreate), "RMI_DATA_CREATE", kOnly10},
    ValueName{std::to_underlying(RmiFunction::kRttDataMapInit), "RMI_RTT_DATA_MAP_INIT", kAny20},
    ValueName{std::to_underlying(RmiFunction::kDataCreateUnknown), "RMI_DATA_CREATE_UNKNOWN",
              kOnly10},
    ValueName{std::to_underlying(RmiFunction::kRealmActivate), "RMI_REALM_ACTIVATE"},
    ValueName{std::to_underlying(RmiFunction::kRealmCreate), "RMI_REALM_CREATE"},
    ValueName{std::to_underlying(RmiFunction::kRealmDestroy), "RMI_REALM_DESTROY"},
    ValueName{std::to_underlying(RmiFunction::kRecCreate), "RMI_REC_CREATE"},
    ValueName{std::to_underlying(RmiFunction::kRecDestroy), "RMI_REC_DESTROY"},
    ValueName{std::to_underlying(RmiFunction::kRttCreate), "RMI_RTT_CREATE"},
    ValueName{std::to_underlying(RmiFunction::kFeatures), "RMI_FEATURES"},
    ValueName{std::to_underlying(RmiFunction::kRecAuxCount), "RMI_REC_AUX_COUNT", kOnly10},
    ValueName{std::to_underlying(RmiFunction::kRttInitRipas), "RMI_RTT_INIT_RIPAS"},
    ValueName{std::to_underlying(RmiFunction::kRttDataMap), "RMI_RTT_DATA_MAP", kAny20},
    ValueName{std::to_underlying(RmiFunction::kRmmActivate), "RMI_RMM_ACTIVATE", kAny20},
    ValueName{std::to_underlying(RmiFunction::kOpContinue), "RMI_OP_CONTINUE", kAny20},
    ValueName{std::to_underlying(RmiFunction::kOpMemDonate), "RMI_OP_MEM_DONATE", kAny20},
};

/// RmiStatusCode: bits 7:0 of an answer's X0.
enum class RmiStatus : std::uint8_t {
    kSuccess = 0,
    kErrorInput = 1,
    kErrorRealm = 2,
    kErrorRec = 3,
    kErrorRtt = 4,
    kErrorNotSupported = 5,
    kErrorDevice = 6,
    kErrorRttAux = 7,
    kErrorPsmmuSt = 8,
    kErrorDpt = 9,
    kBusy = 10,
    kErrorGlobal = 11,
    kErrorTracking = 12,
    kIncomplete = 13,
    kBlocked = 14,
    kErrorGpt = 15,
    kErrorGranule = 16,
};

inline constexpr std::array kRmiStatusNames = {
    ValueName{std::to_underlying(RmiStatus::kSuccess), "RMI_SUCCESS"},
    ValueName{std::to_underlying(RmiStatus::kErrorInput), "RMI_ERROR_INPUT"},
    ValueName{std::to_underlying(RmiStatus::kErrorRealm), "RMI_ERROR_REALM"},
    ValueName{std::to_underlying(RmiStatus::kErrorRec), "RMI_ERROR_REC"},
    ValueName{std::to_underlying(RmiStatus::kErrorRtt), "RMI_ERROR_RTT"},
    ValueName{std::to_underlying(RmiStatus::kErrorNotSupported), "RMI_ERROR_NOT_SUPPORTED", kAny20},
    ValueName{std::to_underlying(RmiStatus::kErrorDevice), "RMI_ERROR_DEVICE", kAny20},
    ValueName{std::to_underlying(RmiStatus::kErrorRttAux), "RMI_ERROR_RTT_AUX", kAny20},
    ValueName{std::to_underlying(RmiStatus::kErrorPsmmuSt), "RMI_ERROR_PSMMU_ST", kAny20},
    ValueName{std::to_underlying(RmiStatus::kErrorDpt), "RMI_ERROR_DPT", kAny20},
    ValueName{std::to_underlying(RmiStatus::kBusy), "RMI_BUSY", kAny20},
    ValueName{std::to_underlying(RmiStatus::kErrorGlobal), "RMI_ERROR_GLOBAL", kAny20},
    ValueName{std::to_underlying(RmiStatus::kErrorTracking), "RMI_ERROR_TRACKING", kAny20},
    ValueName{std::to_underlying(RmiStatus::kIncomplete), "RMI_INCOMPLETE", kAny20},
    ValueName{std::to_underlying(RmiStatus::kBlocked), "RMI_BLOCKED", kAny20},
    ValueName{std::to_underlying(RmiStatus::kErrorGpt), "RMI_ERROR_GPT", kAny20},
    ValueName{std::to_underlying(RmiStatus::kErrorGranule), "RMI_ERROR_GRANULE", kAny20},
};

/// X0 of an answer. The index says more about a failure: for RMI_ERROR_RTT the level where the walk
/// ended (0xff is level -1).
struct RmiResult : Record<8> {
    static constexpr std::string_view kSection = "DEN0137 RmiCommandReturnCode";

    static constexpr BitField<0x00ff> kStatus{"STATUS", kEveryBeta, kRmiStatusNames};
    static constexpr BitField<0xff00> kIndex{"INDEX"};
    static constexpr std::array kBits = {info(kStatus), info(kIndex)};

    static constexpr Field<std::uint64_t> kValue{"value", 0, Access::kRmmToHost, kEveryBeta,
                                                 Bits{kSection, kBits}};
    static constexpr std::tuple kFields{kValue};
};

/// X0 of an answer whose status is RMI_INCOMPLETE: what stands where others have the index.
struct RmiIncompleteResult : Record<8> {
    static constexpr std::string_view kSection = "DEN0137 RmiResultDataIncomplete";

    static constexpr std::array kRequests = {ValueName{0, "none"}, ValueName{1, "donate"},
                                             ValueName{2, "reclaim"}};
    static constexpr BitField<0x0ff> kStatus{"STATUS", kAny20, kRmiStatusNames};
    static constexpr BitField<0x300> kMemReq{"MEM_REQ", kAny20, kRequests};
    static constexpr BitField<0x400> kCanCancel{"CAN_CANCEL", kAny20};
    static constexpr std::array kBits = {info(kStatus), info(kMemReq), info(kCanCancel)};

    static constexpr Field<std::uint64_t> kValue{"value", 0, Access::kRmmToHost, kAny20,
                                                 Bits{kSection, kBits}};
    static constexpr std::tuple kFields{kValue};
};

/// X0 of an answer.
constexpr std::uint64_t to_register(RmiStatus status, std::uint8_t index = 0) {
    return RmiResult::kIndex.set(std::to_underlying(status), index);
}

}  // namespace rvmm::rmi
