// The calls of the recording (tests/data/rsi/rsi-answers.txt), in its order, in the groups between
// which the probe does something else. Labels lie in the table: a guest holds no addresses.
#pragma once

#include <cstdint>

namespace probe {

struct Call {
    char label[40];
    std::uint64_t function;
    std::uint64_t x1, x2, x3, x4;
};

inline constexpr std::uint64_t kVersion = 0xc400'0190;
inline constexpr std::uint64_t kFeatures = 0xc400'0191;
inline constexpr std::uint64_t kMeasurementRead = 0xc400'0192;
inline constexpr std::uint64_t kMeasurementExtend = 0xc400'0193;
inline constexpr std::uint64_t kTokenInit = 0xc400'0194;
inline constexpr std::uint64_t kTokenContinue = 0xc400'0195;
inline constexpr std::uint64_t kRealmConfig = 0xc400'0196;
inline constexpr std::uint64_t kStateSet = 0xc400'0197;
inline constexpr std::uint64_t kStateGet = 0xc400'0198;
inline constexpr std::uint64_t kHostCall = 0xc400'0199;
inline constexpr std::uint64_t kArchFeatures = 0x8000'0001;
inline constexpr std::uint64_t kPsciFeatures = 0x8400'000a;
inline constexpr std::uint64_t kPsciAffinityInfo = 0xc400'0004;
inline constexpr std::uint64_t kPsciCpuOn = 0xc400'0003;

inline constexpr std::uint64_t kBuffer = 0x8009'c000;    // for structures
inline constexpr std::uint64_t kTestPage = 0x8020'0000;  // for RIPAS changes

inline constexpr Call kFirstCalls[] = {
    {"version 1.0", kVersion, 0x10000, 0, 0, 0},
    {"version 1.1", kVersion, 0x10001, 0, 0, 0},
    {"version 1.2", kVersion, 0x10002, 0, 0, 0},
    {"version 0.0", kVersion, 0, 0, 0, 0},
    {"version 2.0", kVersion, 0x20000, 0, 0, 0},
    {"version bit31", kVersion, 0x80010000, 0, 0, 0},
    {"features", kFeatures, 0, 0, 0, 0},
    {"features", kFeatures, 1, 0, 0, 0},
    {"features", kFeatures, 2, 0, 0, 0},
    {"features", kFeatures, 3, 0, 0, 0},
    {"features", kFeatures, 4, 0, 0, 0},
    {"features", kFeatures, 5, 0, 0, 0},
    {"realm_config ok", kRealmConfig, 0x8009c000, 0, 0, 0},
    {"realm_config unaligned", kRealmConfig, 0x8009c008, 0, 0, 0},
    {"realm_config unaligned256", kRealmConfig, 0x8009c100, 0, 0, 0},
    {"realm_config ns alias", kRealmConfig, 0x28009c000, 0, 0, 0},
    {"realm_config beyond ipa", kRealmConfig, 0x400000000, 0, 0, 0},
    {"realm_config not ram (mmio)", kRealmConfig, 0x1000000, 0, 0, 0},
    {"realm_config protected beyond ram", kRealmConfig, 0x82200000, 0, 0, 0},
    {"state_get ok 1 page", kStateGet, 0x8009c000, 0x8009d000, 0, 0},
    {"state_get all ram", kStateGet, 0x80000000, 0x82000000, 0, 0},
    {"state_get ram to ns", kStateGet, 0x80000000, 0x200000000, 0, 0},
    {"state_get top beyond ns", kStateGet, 0x80000000, 0x200001000, 0, 0},
    {"state_get top beyond ipa", kStateGet, 0x80000000, 0x800000000, 0, 0},
    {"state_get base unaligned", kStateGet, 0x8009c001, 0x8009d000, 0, 0},
    {"state_get end unaligned", kStateGet, 0x8009c000, 0x8009d001, 0, 0},
    {"state_get empty range", kStateGet, 0x8009c000, 0x8009c000, 0, 0},
    {"state_get end<base", kStateGet, 0x8009d000, 0x8009c000, 0, 0},
    {"state_get ns base", kStateGet, 0x28009c000, 0x28009d000, 0, 0},
    {"state_get 0..4k", kStateGet, 0, 0x1000, 0, 0},
    {"state_get 0..ns", kStateGet, 0, 0x200000000, 0, 0},
    {"state_get uart", kStateGet, 0x1000000, 0x1001000, 0, 0},
    {"state_get past ram", kStateGet, 0x82000000, 0x82200000, 0, 0},
    {"state_set RAM already RAM", kStateSet, 0x8009c000, 0x8009d000, 1, 0},
    {"state_set RAM already RAM whole", kStateSet, 0x80000000, 0x82000000, 1, 0},
    {"state_set base unaligned", kStateSet, 0x8009c008, 0x8009d000, 1, 0},
    {"state_set end unaligned", kStateSet, 0x8009c000, 0x8009d008, 1, 0},
    {"state_set empty range", kStateSet, 0x8009c000, 0x8009c000, 1, 0},
    {"state_set end<base", kStateSet, 0x8009d000, 0x8009c000, 1, 0},
    {"state_set ripas 2 (destroyed)", kStateSet, 0x8009c000, 0x8009d000, 2, 0},
    {"state_set ripas 3 (dev)", kStateSet, 0x8009c000, 0x8009d000, 3, 0},
    {"state_set ripas 4", kStateSet, 0x8009c000, 0x8009d000, 4, 0},
    {"state_set flags 2", kStateSet, 0x8009c000, 0x8009d000, 1, 2},
    {"state_set ns base", kStateSet, 0x28009c000, 0x28009d000, 1, 0},
    {"state_set across ns", kStateSet, 0x1fffff000, 0x200001000, 0, 0},
    {"state_set beyond ipa", kStateSet, 0x400000000, 0x400001000, 1, 0},
};

inline constexpr Call kMakeEmpty[] = {
    {"state_set EMPTY", kStateSet, 0x80200000, 0x80201000, 0, 0},
};

inline constexpr Call kWhileEmpty[] = {
    {"state_set EMPTY again", kStateSet, 0x80200000, 0x80201000, 0, 0},
    {"realm_config into EMPTY", kRealmConfig, 0x80200000, 0, 0, 0},
    {"host_call in EMPTY", kHostCall, 0x80200000, 0, 0, 0},
    {"state_set RAM nochange", kStateSet, 0x80200000, 0x80201000, 1, 0},
};

inline constexpr Call kMakeRamAgain[] = {
    {"state_set RAM change", kStateSet, 0x80200000, 0x80201000, 1, 1},
};

inline constexpr Call kLargeChanges[] = {
    {"state_set EMPTY 2M aligned", kStateSet, 0x80200000, 0x80400000, 0, 0},
    {"state_get 2M", kStateGet, 0x80200000, 0x80400000, 0, 0},
    {"state_get 4k in 2M", kStateGet, 0x80201000, 0x80202000, 0, 0},
    {"state_set RAM 2M aligned", kStateSet, 0x80200000, 0x80400000, 1, 0},
    {"state_set EMPTY 2M-4k", kStateSet, 0x80200000, 0x803ff000, 0, 0},
    {"state_get over 2M", kStateGet, 0x80200000, 0x80400000, 0, 0},
    {"state_set RAM rest", kStateSet, 0x80200000, 0x80400000, 1, 1},
};

inline constexpr Call kHostCallSmccc[] = {
    {"host_call SMCCC_VERSION", kHostCall, 0x8009c000, 0, 0, 0},
};
inline constexpr Call kHostCallPsci[] = {
    {"host_call PSCI_VERSION", kHostCall, 0x8009c000, 0, 0, 0},
};
inline constexpr Call kHostCallImmediate[] = {
    {"host_call imm 1234", kHostCall, 0x8009c000, 0, 0, 0},
};

inline constexpr Call kHostCallsToToken[] = {
    {"host_call unaligned 8", kHostCall, 0x8009c008, 0, 0, 0},
    {"host_call unaligned 128", kHostCall, 0x8009c080, 0, 0, 0},
    {"host_call aligned 256", kHostCall, 0x8009c100, 0, 0, 0},
    {"host_call last 256 of page", kHostCall, 0x8009cf00, 0, 0, 0},
    {"host_call ns", kHostCall, 0x28009c000, 0, 0, 0},
    {"host_call beyond ipa", kHostCall, 0x400000000, 0, 0, 0},
    {"host_call not ram", kHostCall, 0x1000000, 0, 0, 0},
    {"measurement_read", kMeasurementRead, 0, 0, 0, 0},
    {"measurement_read", kMeasurementRead, 1, 0, 0, 0},
    {"measurement_read", kMeasurementRead, 2, 0, 0, 0},
    {"measurement_read", kMeasurementRead, 3, 0, 0, 0},
    {"measurement_read", kMeasurementRead, 4, 0, 0, 0},
    {"measurement_read", kMeasurementRead, 5, 0, 0, 0},
    {"measurement_read", kMeasurementRead, 6, 0, 0, 0},
    {"measurement_read -1", kMeasurementRead, ~0ULL, 0, 0, 0},
    {"extend idx0", kMeasurementExtend, 0, 0x20, 1, 2},
    {"extend idx1 size0", kMeasurementExtend, 1, 0, 1, 2},
    {"measurement_read 1", kMeasurementRead, 1, 0, 0, 0},
    {"extend idx1 size1", kMeasurementExtend, 1, 1, 1, 2},
    {"measurement_read 1", kMeasurementRead, 1, 0, 0, 0},
    {"extend idx2 size64", kMeasurementExtend, 2, 0x40, 1, 2},
    {"measurement_read 2", kMeasurementRead, 2, 0, 0, 0},
    {"extend idx1 size65", kMeasurementExtend, 1, 0x41, 1, 2},
    {"extend idx4 size32", kMeasurementExtend, 4, 0x20, 1, 2},
    {"extend idx5 size32", kMeasurementExtend, 5, 0x20, 1, 2},
    {"token_continue w/o init", kTokenContinue, 0x8009c000, 0, 0x1000, 0},
    {"token_init", kTokenInit, 1, 2, 3, 4},
    {"token_continue ns", kTokenContinue, 0x28009c000, 0, 0x1000, 0},
    {"token_continue unaligned", kTokenContinue, 0x8009c100, 0, 0x100, 0},
    {"token_continue off 4096 size 0", kTokenContinue, 0x8009c000, 0x1000, 0, 0},
    {"token_continue size 0", kTokenContinue, 0x8009c000, 0, 0, 0},
    {"token_continue 16 bytes", kTokenContinue, 0x8009c000, 0, 0x10, 0},
};

inline constexpr Call kAfterToken[] = {
    {"token_continue after end", kTokenContinue, 0x8009c000, 0, 0x1000, 0},
    {"token_init twice 1", kTokenInit, 1, 2, 3, 4},
    {"token_init twice 2", kTokenInit, 1, 2, 3, 4},
};

// "rsi fid" for each of these comes before kUnknownCalls, "PSCI_FEATURES32" and "64" after it.
inline constexpr std::uint64_t kFirstRsiId = 0xc400'019a;
inline constexpr std::uint64_t kLastRsiId = 0xc400'01bf;
inline constexpr std::uint64_t kLastPsciNumber = 0x16;

inline constexpr Call kUnknownCalls[] = {
    {"smc fid 0", 0, 0, 0, 0, 0},
    {"SMCCC_VERSION", 0x80000000, 0, 0, 0, 0},
    {"SMCCC_ARCH_FEATURES", kArchFeatures, 0x80000000, 0, 0, 0},
    {"SMCCC_ARCH_FEATURES WA1", kArchFeatures, 0x80008000, 0, 0, 0},
    {"SMCCC_ARCH_FEATURES WA3", kArchFeatures, 0x80003fff, 0, 0, 0},
    {"SMCCC_ARCH_FEATURES RSI_VERSION", kArchFeatures, 0xc4000190, 0, 0, 0},
    {"TRNG_VERSION", 0x84000050, 0, 0, 0, 0},
    {"TRNG_RND64", 0xc4000053, 0x40, 0, 0, 0},
    {"KVM vendor uid", 0x8600ff01, 0, 0, 0, 0},
    {"PV_TIME_FEATURES", 0xc5000020, 0, 0, 0, 0},
    {"RMI_VERSION", 0xc4000150, 0x10000, 0, 0, 0},
    {"PSCI_VERSION", 0x84000000, 0, 0, 0, 0},
    {"PSCI_VERSION SMC64", 0xc4000000, 0, 0, 0, 0},
};

inline constexpr Call kLastCalls[] = {
    {"PSCI_FEATURES SMCCC_VERSION", kPsciFeatures, 0x80000000, 0, 0, 0},
    {"PSCI_MIGRATE_INFO_TYPE", 0x84000006, 0, 0, 0, 0},
    {"AFFINITY_INFO self", kPsciAffinityInfo, 0, 0, 0, 0},
    {"AFFINITY_INFO lvl1", kPsciAffinityInfo, 0, 1, 0, 0},
    {"AFFINITY_INFO bad mpidr", kPsciAffinityInfo, 0xff00ff, 0, 0, 0},
    {"AFFINITY_INFO cpu1", kPsciAffinityInfo, 1, 0, 0, 0},
    {"CPU_ON self", kPsciCpuOn, 0, 0x8009c000, 0, 0},
    {"CPU_ON bad mpidr", kPsciCpuOn, 0xff00ff, 0x8009c000, 0, 0},
    {"CPU_ON entry ns", kPsciCpuOn, 1, 0x28009c000, 0, 0},
    {"CPU_ON entry unaligned", kPsciCpuOn, 1, 0x8009c001, 0, 0},
    {"MEM_PROTECT", 0x84000013, 0, 0, 0, 0},
    {"SYSTEM_RESET2", 0xc4000012, 0, 0, 0, 0},
};

}  // namespace probe
