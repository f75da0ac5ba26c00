// The numbers and names of the CoRIM form that endorsement.hpp names, as data for its writer and
// its reader.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "measure/hash.hpp"

namespace rvmm::measure::corim {

// CBOR tags.
inline constexpr std::uint64_t kTagUri = 32;
inline constexpr std::uint64_t kTagCorim = 501;
inline constexpr std::uint64_t kTagComid = 506;  // of a byte string that holds the encoded comid
inline constexpr std::uint64_t kTagUeid = 550;
inline constexpr std::uint64_t kTagPkixKey = 554;  // of a public key as PEM
inline constexpr std::uint64_t kTagBytes = 560;
inline constexpr std::uint64_t kTagMaskedValue = 563;  // of [value, mask]

// Keys of the maps, from the outermost inwards.
inline constexpr std::int64_t kCorimId = 0;
inline constexpr std::int64_t kCorimTags = 1;
inline constexpr std::int64_t kCorimProfile = 3;
inline constexpr std::int64_t kComidTagIdentity = 1;
inline constexpr std::int64_t kComidTriples = 4;
inline constexpr std::int64_t kTagIdentityId = 0;
inline constexpr std::int64_t kTriplesReference = 0;
inline constexpr std::int64_t kTriplesAttestKey = 3;
inline constexpr std::int64_t kEnvironmentClass = 0;
inline constexpr std::int64_t kEnvironmentInstance = 1;
inline constexpr std::int64_t kClassId = 0;
inline constexpr std::int64_t kMeasurementKey = 0;
inline constexpr std::int64_t kMeasurementValue = 1;
inline constexpr std::int64_t kValueVersion = 0;
inline constexpr std::int64_t kVersionText = 0;
inline constexpr std::int64_t kValueDigests = 2;
inline constexpr std::int64_t kValueRaw = 4;
inline constexpr std::int64_t kValueName = 11;
inline constexpr std::int64_t kValueKeys = 13;

// What measurements are called.
inline constexpr std::string_view kRimName = "cca.rim";
inline constexpr std::array<std::string_view, 4> kRemNames = {"cca.rem0", "cca.rem1", "cca.rem2",
                                                              "cca.rem3"};
inline constexpr std::string_view kRpvName = "cca.rpv";

inline constexpr std::string_view kComponentName = "cca.software-component";
inline constexpr std::string_view kConfigName = "cca.platform-config";

/// The hash's number in IANA's registry "Named Information Hash Algorithm".
constexpr std::uint64_t algorithm_id(Hash hash) {
    switch (hash) {
        case Hash::kSha256:
            return 1;
        case Hash::kSha384:
            return 7;
        case Hash::kSha512:
            return 8;
    }
    return 0;
}

}  // namespace rvmm::measure::corim
