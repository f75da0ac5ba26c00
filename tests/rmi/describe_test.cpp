#include "rmi/describe.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rmi/abi_page.hpp"
#include "rmi/features.hpp"
#include "rmi/records.hpp"
#include "rmi/rmi.hpp"

namespace rvmm::rmi {
namespace {

using testing::ElementsAre;

template <class R>
std::vector<std::string> lines_of(const R& record, Beta beta) {
    const auto lines = describe(record_info<R>(), record.bytes(), beta);
    EXPECT_TRUE(lines);
    return lines ? *lines : std::vector<std::string>();
}

RealmParams example_realm() {
    using P = RealmParams;
    P params;
    params.set(P::kFlags0, P::kFlagSve);
    params.set(P::kS2sz, 40);
    params.set(P::kSveVl, 3);
    params.set(P::kNumBps, 5);
    params.set(P::kNumWps, 3);
    params.set(P::kHashAlgo, 1);
    params.set(P::kRttBase, 0x8800'0000);
    params.set(P::kRttLevelStart, -1);
    params.set(P::kRttNumStart, 1);
    return params;
}

TEST(Describe, RealmParams10_Golden) {
    EXPECT_THAT(lines_of(example_realm(), Beta::k10),
                ElementsAre("flags0 = 0x2 (SVE)", "s2sz = 40", "sve_vl = 3 (512 bits)",
                            "num_bps = 5 (6 breakpoints)", "num_wps = 3 (4 watchpoints)",
                            "pmu_num_ctrs = 0", "hash_algo = 1 (SHA-512)", "rpv = 0 (all 64 bytes)",
                            "vmid = 0", "rtt_base = 0x88000000", "rtt_level_start = -1",
                            "rtt_num_start = 1"));
}

TEST(Describe, RealmParams20_Golden) {
    using P = RealmParams;
    P params = example_realm();
    params.set(P::kFlags0, P::kLpa2.kMask | P::kLfaPolicy.set(P::kMecPolicy.kMask & 0x80, 2));
    params.set(P::kHashAlgo, 9);
    params.set(P::kRpv, Bytes(64, std::byte{0xab}));
    params.set(P::kAuxRttBase, 0x9000, 1);
    params.set(P::kMaxNumVdevs, 4);
    std::string rpv = "rpv = ";
    for (int i = 0; i < 64; ++i) rpv += "ab";
    EXPECT_THAT(lines_of(params, Beta::k20Bet3),
                ElementsAre("flags0 = 0xc1 (LFA_POLICY 2, MEC_POLICY private, undeclared 0x1)",
                            "s2sz = 40", "sve_vl = 3 (512 bits)", "num_bps = 5 (6 breakpoints)",
                            "num_wps = 3 (4 watchpoints)", "pmu_num_ctrs = 0",
                            "hash_algo = 9 (unknown)", "num_aux_planes = 0", rpv, "ats_plane = 0",
                            "rtt_base = 0x88000000", "rtt_level_start = -1", "rtt_num_start = 1",
                            "flags1 = 0x0", "max_num_vdevs = 4", "aux_rtt_base[1] = 0x9000"));
}

TEST(Describe, RecParams_Golden) {
    using P = RecParams;
    P rec;
    rec.set(P::kFlags, P::kFlagRunnable);
    rec.set(P::kMpidr, 0x100);
    rec.set(P::kPc, 0x8020'0000);
    rec.set(P::kGprs, 0x8fe0'0000, 0);
    rec.set(P::kGprs, 7, 3);
    EXPECT_THAT(lines_of(rec, Beta::k20Bet1),
                ElementsAre("flags = 0x1 (RUNNABLE)", "mpidr = 0x100", "pc = 0x80200000",
                            "gprs[0] = 0x8fe00000", "gprs[3] = 0x7"));
    EXPECT_THAT(lines_of(P(), Beta::k10),
                ElementsAre("flags = 0x0", "mpidr = 0x0", "pc = 0x0", "gprs = 0 (all 8)",
                            "num_aux = 0", "aux = 0 (all 16)"));
}

TEST(Describe, Registers_AreDecodedAsTheBetaSays) {
    RmiResult result;
    result.set(RmiResult::kValue, to_register(RmiStatus::kErrorRtt, 2));
    EXPECT_THAT(lines_of(result, Beta::k10),
                ElementsAre("value = 0x204 (STATUS RMI_ERROR_RTT, INDEX 2)"));
    // What a v0.8.0 RMM answered in the lab (real-launch-v12.trace).
    RmiFeatureRegister0 features;
    features.set(RmiFeatureRegister0::kValue, 0x28f'3431'7e30);
    EXPECT_THAT(lines_of(features, Beta::k10),
                ElementsAre("value = 0x28f34317e30 (S2SZ 48, SVE, SVE_VL 15, NUM_BPS 5, NUM_WPS 3, "
                            "PMU, PMU_NUM_CTRS 6, HASH_SHA_256, HASH_SHA_512, GICV3_NUM_LRS 3, "
                            "MAX_RECS_ORDER 10)"));
}

TEST(Describe, ZeroRecord_HasALineForEachFieldThatHolds) {
    for (const RecordInfo& record : all_records())
        for (const BetaInfo& each : kBetas) {
            const auto lines = describe(record, Bytes(record.size), each.beta);
            ASSERT_TRUE(lines);
            const auto holding = std::ranges::count_if(record.fields, [&](const FieldInfo& field) {
                return field.betas.contains(each.beta);
            });
            EXPECT_EQ(static_cast<std::ptrdiff_t>(lines->size()), holding)
                << record.section << " " << each.name;
        }
}

TEST(Describe, EveryBitSet_IsDescribed) {
    for (const RecordInfo& record : all_records())
        for (const BetaInfo& each : kBetas)
            EXPECT_TRUE(describe(record, Bytes(record.size, std::byte{0xff}), each.beta));
}

TEST(Describe, BytesThatAreNotARecord_AreAnError) {
    for (const RecordInfo& record : all_records())
        for (const std::size_t size :
             {std::size_t{0}, std::size_t{1}, record.size - 1, record.size + 1})
            EXPECT_FALSE(describe(record, Bytes(size), Beta::k10)) << record.section << " " << size;
    const auto lines = describe(record_info<RsiFeatureRegister0>(), Bytes(7), Beta::k10);
    ASSERT_FALSE(lines);
    EXPECT_EQ(lines.error().message(), "DEN0137 RsiFeatureRegister0 has 8 bytes, got 7");
}

}  // namespace
}  // namespace rvmm::rmi
