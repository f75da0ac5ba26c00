// Which realms an RMM accepts to create.
//
// Source: TF-RMM v0.6.0 (RMI 1.0) and main of July 2026 (RMI 2.0), validation of RmiRealmParams;
// DEN0137 RMI_REALM_CREATE.
#pragma once

#include <cstdint>

#include "measure/rim.hpp"
#include "rmi/records.hpp"

namespace rvmm::realm {

/// The RMM and the machine that it runs on. The limits are at first the largest that RMI's feature
/// registers can report.
struct RmmFeatures {
    measure::Rule rule = measure::Rule::kRmm2TfRmm;  // its generation, and what it measures
    unsigned pa_width = 48;  // bits: the largest s2sz; start level 0 needs 44
    bool lpa2 = false;       // realms with more than 48 bits
    std::uint32_t max_sve_vl = 15;
    std::uint32_t max_bps = 63;
    std::uint32_t max_wps = 63;
    std::uint32_t max_pmu_ctrs = 31;
    bool pmu_without_ctrs = true;      // FEAT_HPMN0
    std::uint64_t max_aux_planes = 3;  // RMI 2.0
    bool s2ap_indirect = false;        // RMI 2.0
    std::size_t max_recs = 1023;       // a realm
};

/// What a host passes to RMI_REALM_CREATE.
struct RealmRequest {
    rmi::RealmParams params;
    std::int64_t rtt_level_start = 0;
    std::uint32_t rtt_num_start = 0;
    // RMI 2.0:
    std::uint64_t num_aux_planes = 0;
    std::uint64_t ats_plane = 0;
    std::uint64_t flags1 = 0;  // bit 0: an RTT tree per plane; bit 1: S2AP indirect
};

/// Whether the RMM takes the request; RMI_REALM_CREATE answers RMI_ERROR_INPUT where not.
bool accepts(const RmmFeatures& features, const RealmRequest& request);

}  // namespace rvmm::realm
