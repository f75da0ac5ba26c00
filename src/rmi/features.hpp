// The feature registers that RMI_FEATURES and RSI_FEATURES answer with, as records of one 64-bit
// field. Source: as records.hpp; RMI 1.0 calls SVE and PMU of register 0 SVE_EN and PMU_EN.
#pragma once

#include "rmi/field.hpp"

namespace rvmm::rmi {

struct RmiFeatureRegister0 : Record<8> {
    static constexpr std::string_view kSection = "DEN0137 RmiFeatureRegister0";

    static constexpr BitField<0x0000'00ff> kS2sz{"S2SZ"};
    static constexpr BitField<0x0000'0100> kLpa2{"LPA2"};
    static constexpr BitField<0x0000'0200> kSve{"SVE"};
    static constexpr BitField<0x0000'3c00> kSveVl{"SVE_VL"};    // as RealmParams
    static constexpr BitField<0x000f'c000> kNumBps{"NUM_BPS"};  // count - 1
    static constexpr BitField<0x03f0'0000> kNumWps{"NUM_WPS"};  // count - 1
    static constexpr BitField<0x0400'0000> kPmu{"PMU"};
    static constexpr BitField<0xf800'0000> kPmuNumCtrs{"PMU_NUM_CTRS"};
    static constexpr BitField<1ULL << 32> kHashSha256{"HASH_SHA_256", kOnly10};
    static constexpr BitField<1ULL << 33> kHashSha512{"HASH_SHA_512", kOnly10};
    static constexpr BitField<0xfULL << 34> kGicv3NumLrs{"GICV3_NUM_LRS", kOnly10};
    static constexpr BitField<0xfULL << 38> kMaxRecsOrder{"MAX_RECS_ORDER", kOnly10};
    static constexpr BitField<1ULL << 32> kL0gptBlockDelegate{"L0GPT_BLOCK_DELEGATE",
                                                              {Beta::k20Bet3}};
    static constexpr BitField<0xffULL << 33> kS2oasz{"S2OASZ", {Beta::k20Bet3}};
    static constexpr std::array kBits = {info(kS2sz),
                                         info(kLpa2),
                                         info(kSve),
                                         info(kSveVl),
                                         info(kNumBps),
                                         info(kNumWps),
                                         info(kPmu),
                                         info(kPmuNumCtrs),
                                         info(kHashSha256),
                                         info(kHashSha512),
                                         info(kGicv3NumLrs),
                                         info(kMaxRecsOrder),
                                         info(kL0gptBlockDelegate),
                                         info(kS2oasz)};

    static constexpr Field<std::uint64_t> kValue{"value", 0, Access::kRmmToHost, kEveryBeta,
                                                 Bits{kSection, kBits}};
    static constexpr std::tuple kFields{kValue};
};

struct RmiFeatureRegister1 : Record<8> {
    static constexpr std::string_view kSection = "DEN0137 RmiFeatureRegister1";

    static constexpr BitField<0x0'0001> kGranule4k{"RMI_GRAN_SZ_4KB", kAny20};
    static constexpr BitField<0x0'0002> kGranule16k{"RMI_GRAN_SZ_16KB", kAny20};
    static constexpr BitField<0x0'0004> kGranule64k{"RMI_GRAN_SZ_64KB", kAny20};
    static constexpr BitField<0x0'0008> kHashSha256{"HASH_SHA_256", kAny20};
    static constexpr BitField<0x0'0010> kHashSha384{"HASH_SHA_384", kAny20};
    static constexpr BitField<0x0'0020> kHashSha512{"HASH_SHA_512", kAny20};
    static constexpr BitField<0x0'03c0> kMaxRecsOrder{"MAX_RECS_ORDER", kAny20};
    static constexpr BitField<0x0'3c00> kL0gptsz{"L0GPTSZ", kAny20};
    static constexpr BitField<0x1'c000> kPps{"PPS", kAny20};
    static constexpr std::array kBits = {info(kGranule4k),    info(kGranule16k), info(kGranule64k),
                                         info(kHashSha256),   info(kHashSha384), info(kHashSha512),
                                         info(kMaxRecsOrder), info(kL0gptsz),    info(kPps)};

    static constexpr Field<std::uint64_t> kValue{"value", 0, Access::kRmmToHost, kAny20,
                                                 Bits{kSection, kBits}};
    static constexpr std::tuple kFields{kValue};
};

struct RmiFeatureRegister2 : Record<8> {
    static constexpr std::string_view kSection = "DEN0137 RmiFeatureRegister2";

    static constexpr BitField<0x0001> kDa{"DA", kAny20};
    static constexpr BitField<0x0002> kDaCoh{"DA_COH", kAny20};
    static constexpr BitField<0x0004> kVsmmu{"VSMMU", kAny20};
    static constexpr BitField<0x0008> kAts{"ATS", kAny20};
    static constexpr BitField<0x00f0> kMaxVdevsOrder{"MAX_VDEVS_ORDER", kAny20};
    static constexpr BitField<0x0100> kVdevKrou{"VDEV_KROU", kAny20};
    static constexpr BitField<0x0200> kNonTeeStream{"NON_TEE_STREAM", kAny20};
    static constexpr BitField<0x7c00> kRealmMaxVdevsOrder{"REALM_MAX_VDEVS_ORDER", {Beta::k20Bet3}};
    static constexpr std::array kBits = {info(kDa),
                                         info(kDaCoh),
                                         info(kVsmmu),
                                         info(kAts),
                                         info(kMaxVdevsOrder),
                                         info(kVdevKrou),
                                         info(kNonTeeStream),
                                         info(kRealmMaxVdevsOrder)};

    static constexpr Field<std::uint64_t> kValue{"value", 0, Access::kRmmToHost, kAny20,
                                                 Bits{kSection, kBits}};
    static constexpr std::tuple kFields{kValue};
};

struct RmiFeatureRegister3 : Record<8> {
    static constexpr std::string_view kSection = "DEN0137 RmiFeatureRegister3";

    static constexpr BitField<0x0f> kMaxNumAuxPlanes{"MAX_NUM_AUX_PLANES", kAny20};
    static constexpr BitField<0x30> kRttPlane{"RTT_PLANE", kAny20};
    static constexpr BitField<0x40> kRttS2apIndirect{"RTT_S2AP_INDIRECT", kAny20};
    static constexpr std::array kBits = {info(kMaxNumAuxPlanes), info(kRttPlane),
                                         info(kRttS2apIndirect)};

    static constexpr Field<std::uint64_t> kValue{"value", 0, Access::kRmmToHost, kAny20,
                                                 Bits{kSection, kBits}};
    static constexpr std::tuple kFields{kValue};
};

struct RmiFeatureRegister4 : Record<8> {
    static constexpr std::string_view kSection = "DEN0137 RmiFeatureRegister4";

    static constexpr BitField<~0ULL> kMecCount{"MEC_COUNT", kAny20};
    static constexpr std::array kBits = {info(kMecCount)};

    static constexpr Field<std::uint64_t> kValue{"value", 0, Access::kRmmToHost, kAny20,
                                                 Bits{kSection, kBits}};
    static constexpr std::tuple kFields{kValue};
};

/// RSI 1.1. A register that an RMM does not know reads as zero.
struct RsiFeatureRegister0 : Record<8> {
    static constexpr std::string_view kSection = "DEN0137 RsiFeatureRegister0";

    static constexpr BitField<0x1> kDa{"DA", kAny20};
    static constexpr BitField<0x2> kMro{"MRO", kAny20};
    static constexpr BitField<0x4> kAts{"ATS", kAny20};
    static constexpr std::array kBits = {info(kDa), info(kMro), info(kAts)};

    static constexpr Field<std::uint64_t> kValue{"value", 0, Access::kRmmToRealm, kAny20,
                                                 Bits{kSection, kBits}};
    static constexpr std::tuple kFields{kValue};
};

}  // namespace rvmm::rmi
