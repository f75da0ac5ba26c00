// The records that RMI passes and that measurements are made over, as data: every field is declared
// once, and encoded, decoded, printed and documented (docs/rmi-abi.md) through that declaration.
//
// Source: DEN0137 1.0-rel0; Linux' headers for 2.0-bet1 and 2.0-bet3; TF-RMM's headers. Only what
// rvmm reads, writes or measures is declared; every other byte of a record is zero.
#pragma once

#include "rmi/field.hpp"

namespace rvmm::rmi {

/// RmiHashAlgorithm.
inline constexpr std::array kHashNames = {ValueName{0, "SHA-256"}, ValueName{1, "SHA-512"},
                                          ValueName{2, "SHA-384", kAny20}};

/// What REALM_CREATE is given. flags0 is called flags in RMI 1.0.
struct RealmParams : Record<4096> {
    static constexpr std::string_view kSection = "DEN0137 RmiRealmParams";
    static constexpr Access kAccess = Access::kHostToRmm;

    static constexpr std::array kMecPolicies = {ValueName{0, "shared"}, ValueName{1, "private"}};
    // Bits of flags0.
    static constexpr BitField<0x001> kLpa2{
        "LPA2", {Beta::k10, Beta::k20Bet0, Beta::k20Bet1, Beta::kTfRmmMain}};
    static constexpr BitField<0x002> kSve{"SVE"};
    static constexpr BitField<0x004> kPmu{"PMU"};
    static constexpr BitField<0x008> kDa{"DA", kAny20};
    static constexpr BitField<0x060> kLfaPolicy{"LFA_POLICY", {Beta::k20Bet3}};
    static constexpr BitField<0x180> kMecPolicy{"MEC_POLICY", kAny20, kMecPolicies};
    static constexpr std::array kFlags0Bits = {info(kLpa2), info(kSve),       info(kPmu),
                                               info(kDa),   info(kLfaPolicy), info(kMecPolicy)};
    static constexpr std::uint64_t kFlagLpa2 = kLpa2.kMask;
    static constexpr std::uint64_t kFlagSve = kSve.kMask;
    static constexpr std::uint64_t kFlagPmu = kPmu.kMask;
    // Bits of flags1.
    static constexpr BitField<0x1> kRttTreePerPlane{"RTT_TREE_PER_PLANE", kAny20};
    static constexpr BitField<0x2> kRttS2apIndirect{"RTT_S2AP_INDIRECT", kAny20};
    static constexpr std::array kFlags1Bits = {info(kRttTreePerPlane), info(kRttS2apIndirect)};

    static constexpr Field<std::uint64_t> kFlags0{"flags0", 0x000, kAccess, kEveryBeta,
                                                  Bits{"DEN0137 RmiRealmFlags0", kFlags0Bits}};
    static constexpr Field<std::uint32_t> kS2sz{"s2sz", 0x008, kAccess};  // IPA bits, both halves
    static constexpr Field<std::uint32_t> kSveVl{"sve_vl", 0x010, kAccess, kEveryBeta,
                                                 Scaled{1, 128, "bits"}};
    static constexpr Field<std::uint32_t> kNumBps{"num_bps", 0x018, kAccess, kEveryBeta,
                                                  Scaled{1, 1, "breakpoints"}};
    static constexpr Field<std::uint32_t> kNumWps{"num_wps", 0x020, kAccess, kEveryBeta,
                                                  Scaled{1, 1, "watchpoints"}};
    static constexpr Field<std::uint32_t> kPmuNumCtrs{"pmu_num_ctrs", 0x028, kAccess};
    static constexpr Field<std::uint8_t> kHashAlgo{"hash_algo", 0x030, kAccess, kEveryBeta,
                                                   Names{kHashNames}};
    static constexpr Field<std::uint32_t> kNumAuxPlanes{"num_aux_planes", 0x038, kAccess, kAny20};
    static constexpr ByteField<64> kRpv{"rpv", 0x400, kAccess};
    static constexpr Field<std::uint64_t> kAtsPlane{"ats_plane", 0x440, kAccess, kAny20};
    static constexpr Field<std::uint16_t> kVmid{"vmid", 0x800, kAccess, kOnly10};
    static constexpr Field<std::uint64_t> kRttBase{"rtt_base", 0x808, kAccess, kEveryBeta, Hex{}};
    static constexpr Field<std::int64_t> kRttLevelStart{"rtt_level_start", 0x810, kAccess};
    static constexpr Field<std::uint32_t> kRttNumStart{"rtt_num_start", 0x818, kAccess};
    static constexpr Field<std::uint64_t> kFlags1{"flags1", 0x820, kAccess, kAny20,
                                                  Bits{"DEN0137 RmiRealmFlags1", kFlags1Bits}};
    static constexpr Field<std::uint64_t, 3> kAuxRttBaseBet1{
        "aux_rtt_base", 0x828, kAccess, {Beta::k20Bet1}, Hex{}};
    static constexpr Field<std::uint64_t> kMaxNumVdevs{
        "max_num_vdevs", 0x828, kAccess, {Beta::k20Bet3}};
    static constexpr Field<std::uint64_t, 3> kAuxRttBase{
        "aux_rtt_base", 0xf80, kAccess, {Beta::k20Bet3, Beta::kTfRmmMain}, Hex{}};

    static constexpr std::tuple kFields{
        kFlags0,        kS2sz,         kSveVl,  kNumBps,         kNumWps,      kPmuNumCtrs,
        kHashAlgo,      kNumAuxPlanes, kRpv,    kAtsPlane,       kVmid,        kRttBase,
        kRttLevelStart, kRttNumStart,  kFlags1, kAuxRttBaseBet1, kMaxNumVdevs, kAuxRttBase};
};

/// What REC_CREATE is given.
struct RecParams : Record<4096> {
    static constexpr std::string_view kSection = "DEN0137 RmiRecParams";
    static constexpr Access kAccess = Access::kHostToRmm;

    static constexpr BitField<0x1> kRunnable{"RUNNABLE"};
    static constexpr std::array kFlagsBits = {info(kRunnable)};
    static constexpr std::uint64_t kFlagRunnable = kRunnable.kMask;

    static constexpr Field<std::uint64_t> kFlags{"flags", 0x000, kAccess, kEveryBeta,
                                                 Bits{"DEN0137 RmiRecCreateFlags", kFlagsBits}};
    static constexpr Field<std::uint64_t> kMpidr{"mpidr", 0x100, kAccess, kEveryBeta, Hex{}};
    static constexpr Field<std::uint64_t> kPc{"pc", 0x200, kAccess, kEveryBeta, Hex{}};
    static constexpr Field<std::uint64_t, 8> kGprs{"gprs", 0x300, kAccess, kEveryBeta, Hex{}};
    static constexpr Field<std::uint64_t> kNumAux{"num_aux", 0x800, kAccess, kOnly10};
    static constexpr Field<std::uint64_t, 16> kAux{"aux", 0x808, kAccess, kOnly10, Hex{}};

    static constexpr std::tuple kFields{kFlags, kMpidr, kPc, kGprs, kNumAux, kAux};
};

/// The `type` of a measurement descriptor.
inline constexpr std::array kMeasurementTypes = {ValueName{0, "DATA"}, ValueName{1, "REC"},
                                                 ValueName{2, "RIPAS", kOnly10}};

/// What the RIM is extended with for a page of DATA.
struct DataMeasurement : Record<256> {
    static constexpr std::string_view kSection = "DEN0137 RmmMeasurementDescriptorData";
    static constexpr Access kAccess = Access::kMeasured;
    static constexpr std::uint8_t kTypeValue = 0;

    static constexpr BitField<0x1> kMeasure{"MEASURE"};
    static constexpr std::array kFlagsBits = {info(kMeasure)};
    static constexpr std::uint64_t kFlagMeasured = kMeasure.kMask;

    static constexpr Field<std::uint8_t> kType{"type", 0x00, kAccess, kEveryBeta,
                                               Names{kMeasurementTypes}};
    static constexpr Field<std::uint64_t> kLen{"len", 0x08, kAccess};
    static constexpr ByteField<64> kRim{"rim", 0x10, kAccess};  // the RIM so far
    static constexpr Field<std::uint64_t> kIpa{"ipa", 0x50, kAccess, kEveryBeta, Hex{}};
    static constexpr Field<std::uint64_t> kFlags{"flags", 0x58, kAccess, kEveryBeta,
                                                 Bits{"DEN0137 RmiDataFlags", kFlagsBits}};
    static constexpr ByteField<64> kContent{"content", 0x60, kAccess};  // the page's digest, or 0

    static constexpr std::tuple kFields{kType, kLen, kRim, kIpa, kFlags, kContent};
};

/// What the RIM is extended with for a runnable REC.
struct RecMeasurement : Record<256> {
    static constexpr std::string_view kSection = "DEN0137 RmmMeasurementDescriptorRec";
    static constexpr Access kAccess = Access::kMeasured;
    static constexpr std::uint8_t kTypeValue = 1;

    static constexpr Field<std::uint8_t> kType{"type", 0x00, kAccess, kEveryBeta,
                                               Names{kMeasurementTypes}};
    static constexpr Field<std::uint64_t> kLen{"len", 0x08, kAccess};
    static constexpr ByteField<64> kRim{"rim", 0x10, kAccess};            // the RIM so far
    static constexpr ByteField<64> kParams{"rec_params", 0x50, kAccess};  // the REC page's digest

    static constexpr std::tuple kFields{kType, kLen, kRim, kParams};
};

/// What the RIM is extended with for an RTT entry whose RIPAS became RAM.
struct RipasMeasurement : Record<256> {
    static constexpr std::string_view kSection = "DEN0137 RmmMeasurementDescriptorRipas";
    static constexpr Access kAccess = Access::kMeasured;
    static constexpr std::uint8_t kTypeValue = 2;

    static constexpr Field<std::uint8_t> kType{"type", 0x00, kAccess, kOnly10,
                                               Names{kMeasurementTypes}};
    static constexpr Field<std::uint64_t> kLen{"len", 0x08, kAccess, kOnly10};
    static constexpr ByteField<64> kRim{"rim", 0x10, kAccess, kOnly10};  // the RIM so far
    static constexpr Field<std::uint64_t> kBase{"base", 0x50, kAccess, kOnly10, Hex{}};
    static constexpr Field<std::uint64_t> kTop{"top", 0x58, kAccess, kOnly10, Hex{}};

    static constexpr std::tuple kFields{kType, kLen, kRim, kBase, kTop};
};

}  // namespace rvmm::rmi
