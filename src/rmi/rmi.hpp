// The Realm Management Interface as data: status codes and how an answer's X0 packs them.
// Source: DEN0137 (RmiCommandReturnCode).
#pragma once

#include <cstdint>

namespace rvmm::rmi {

/// RmiStatusCode: bits 7:0 of an answer's X0. RMI 1.0 knows those up to kErrorRtt.
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

}  // namespace rvmm::rmi
