#include "realm/rmm/new_realm.hpp"

#include <functional>

#include <gtest/gtest.h>

namespace rvmm::realm {
namespace {

using measure::RemRule;
using measure::Rule;
using P = rmi::RealmParams;
using rmi::RmiStatus;

constexpr std::uint64_t k1G = 1ULL << 30;

RealmRequest request(std::uint32_t ipa_bits, std::int64_t level, std::uint32_t tables) {
    RealmRequest request;
    request.params.set(P::kS2sz, ipa_bits);
    request.params.set(P::kNumBps, 1);
    request.params.set(P::kNumWps, 1);
    request.rtt_level_start = level;
    request.rtt_num_start = tables;
    return request;
}

RealmRequest lpa2_request(std::uint32_t ipa_bits, std::int64_t level, std::uint32_t tables) {
    RealmRequest wide = request(ipa_bits, level, tables);
    wide.params.set(P::kFlags0, P::kFlagLpa2);
    return wide;
}

bool accepted(const RmmFeatures& features, const RealmRequest& request) {
    return NewRealm::create(features, request).value().has_value();
}

using Change = std::function<void(RmmFeatures&, RealmRequest&)>;

// Whether each generation takes the usual realm with a change.
bool rmm1_takes(const Change& change) {
    RmmFeatures features{.rule = Rule::kRmm1};
    RealmRequest changed = request(40, 1, 2);
    change(features, changed);
    return accepted(features, changed);
}
bool rmm2_takes(const Change& change) {
    RmmFeatures features{.rule = Rule::kRmm2TfRmm};
    RealmRequest changed = request(40, 1, 2);
    change(features, changed);
    return accepted(features, changed);
}

TEST(RealmCreate, RootTables_FitTheWidth) {
    const RmmFeatures features;
    EXPECT_TRUE(accepted(features, request(32, 2, 4)));
    EXPECT_TRUE(accepted(features, request(34, 2, 16)));
    EXPECT_TRUE(accepted(features, request(34, 1, 1)));
    EXPECT_TRUE(accepted(features, request(43, 1, 16)));
    EXPECT_TRUE(accepted(features, request(48, 0, 1)));
    EXPECT_FALSE(accepted(features, request(40, 1, 1)));
    EXPECT_FALSE(accepted(features, request(40, 1, 4)));
    EXPECT_FALSE(accepted(features, request(35, 2, 32)));
    EXPECT_FALSE(accepted(features, request(44, 1, 32)));
    EXPECT_FALSE(accepted(features, request(39, 0, 1)));
    EXPECT_FALSE(accepted(features, request(40, -1, 1)));
    EXPECT_FALSE(accepted(features, request(40, 4, 1)));
    EXPECT_FALSE(accepted(features, request(31, 2, 2)));
    EXPECT_FALSE(accepted(features, request(49, 0, 2)));
    EXPECT_FALSE(accepted({.pa_width = 40}, request(41, 1, 4)));
    EXPECT_FALSE(accepted({.pa_width = 40}, request(40, 0, 1)));
}

TEST(RealmCreate, Lpa2_NeedsTheMachineAndTheFlag) {
    const RmmFeatures wide{.pa_width = 52, .lpa2 = true};
    EXPECT_TRUE(accepted(wide, lpa2_request(52, -1, 1)));
    EXPECT_TRUE(accepted(wide, lpa2_request(52, 0, 16)));
    EXPECT_TRUE(accepted(wide, lpa2_request(40, 1, 2)));
    EXPECT_FALSE(accepted(wide, lpa2_request(48, -1, 1)));
    EXPECT_FALSE(accepted(wide, request(52, -1, 1)));
    EXPECT_FALSE(accepted(wide, request(52, 0, 16)));
    EXPECT_FALSE(accepted({}, lpa2_request(40, 1, 2)));
}

TEST(RealmCreate, WhatBothGenerationsCheck) {
    struct Case {
        const char* what;
        bool taken;
        Change change;
    };
    const std::vector<Case> cases = {
        {"as it is", true, [](auto&, auto&) {}},
        {"no breakpoints", false, [](auto&, auto& r) { r.params.set(P::kNumBps, 0); }},
        {"no watchpoints", false, [](auto&, auto& r) { r.params.set(P::kNumWps, 0); }},
        {"all breakpoints", true, [](auto&, auto& r) { r.params.set(P::kNumBps, 63); }},
        {"more", false, [](auto&, auto& r) { r.params.set(P::kNumBps, 64); }},
        {"more watchpoints than it has", false,
         [](auto& f, auto& r) {
             f.max_wps = 3;
             r.params.set(P::kNumWps, 4);
         }},
        {"SVE", true, [](auto&, auto& r) { r.params.set(P::kFlags0, P::kFlagSve); }},
        {"a vector that is too long", false,
         [](auto&, auto& r) {
             r.params.set(P::kFlags0, P::kFlagSve);
             r.params.set(P::kSveVl, 16);
         }},
        {"the same without SVE", true, [](auto&, auto& r) { r.params.set(P::kSveVl, 16); }},
        {"PMU without counters", true,
         [](auto&, auto& r) { r.params.set(P::kFlags0, P::kFlagPmu); }},
        {"the same without FEAT_HPMN0", false,
         [](auto& f, auto& r) {
             f.pmu_without_ctrs = false;
             r.params.set(P::kFlags0, P::kFlagPmu);
         }},
        {"too many counters", false,
         [](auto&, auto& r) {
             r.params.set(P::kFlags0, P::kFlagPmu);
             r.params.set(P::kPmuNumCtrs, 32);
         }},
        {"the same without PMU", true, [](auto&, auto& r) { r.params.set(P::kPmuNumCtrs, 32); }},
        {"SHA-512", true, [](auto&, auto& r) { r.params.set(P::kHashAlgo, 1); }},
        {"no hash", false, [](auto&, auto& r) { r.params.set(P::kHashAlgo, 3); }},
    };
    for (const Case& one : cases) {
        EXPECT_EQ(rmm1_takes(one.change), one.taken) << one.what;
        EXPECT_EQ(rmm2_takes(one.change), one.taken) << one.what;
    }
}

TEST(RealmCreate, WhatTheGenerationsTakeDifferently) {
    const Change sha384 = [](auto&, auto& r) { r.params.set(P::kHashAlgo, 2); };
    EXPECT_FALSE(rmm1_takes(sha384));
    EXPECT_TRUE(rmm2_takes(sha384));
    const Change mec_policy_2 = [](auto&, auto& r) { r.params.set(P::kFlags0, 2U << 7); };
    EXPECT_TRUE(rmm1_takes(mec_policy_2));
    EXPECT_FALSE(rmm2_takes(mec_policy_2));
    const Change planes_in_one_tree = [](auto&, auto& r) { r.num_aux_planes = 3; };
    EXPECT_TRUE(rmm1_takes(planes_in_one_tree));
    EXPECT_FALSE(rmm2_takes(planes_in_one_tree));
}

TEST(RealmCreate, Planes_HaveTreesOrIndirectPermissions) {
    const auto takes = [](std::uint64_t planes, std::uint64_t ats, std::uint64_t flags1,
                          bool indirect) {
        return rmm2_takes([&](auto& features, auto& changed) {
            features.s2ap_indirect = indirect;
            changed.num_aux_planes = planes;
            changed.ats_plane = ats;
            changed.flags1 = flags1;
        });
    };
    EXPECT_TRUE(takes(3, 0, 1, false));
    EXPECT_TRUE(takes(1, 1, 1, true));
    EXPECT_TRUE(takes(1, 1, 2, true));
    EXPECT_TRUE(takes(0, 0, 2, true));
    EXPECT_FALSE(takes(0, 0, 2, false));
    EXPECT_FALSE(takes(1, 0, 3, true));
    EXPECT_FALSE(takes(1, 2, 1, false));
    EXPECT_FALSE(takes(4, 0, 1, false));
}

NewRealm new_realm(Rule rule, const RealmRequest& wanted) {
    return *std::move(*NewRealm::create({.rule = rule}, wanted));
}

rmi::RecParams rec(std::uint64_t mpidr) {
    rmi::RecParams params;
    params.set(rmi::RecParams::kMpidr, mpidr);
    return params;
}

TEST(NewRealm, Recs_ComeInTheOrderOfTheirMpidrs) {
    NewRealm realm = new_realm(Rule::kRmm1, request(40, 1, 2));
    EXPECT_EQ(realm.rec_create(rec(1))->status, RmiStatus::kErrorInput);
    for (std::uint64_t i = 0; i < 16; ++i) EXPECT_TRUE(realm.rec_create(rec(i))->ok());
    EXPECT_EQ(realm.rec_create(rec(16))->status, RmiStatus::kErrorInput);
    EXPECT_EQ(realm.rec_create(rec(0x80000100))->status, RmiStatus::kErrorInput);
    EXPECT_TRUE(realm.rec_create(rec(0x100))->ok());
    for (std::uint64_t i = 17; i < 1023; ++i)
        EXPECT_TRUE(realm.rec_create(rec((i & 15) | (i >> 4) << 8))->ok());
    EXPECT_EQ(realm.rec_create(rec(0x3f0f))->status, RmiStatus::kErrorRealm);
}

TEST(NewRealm, LargeRam_NeedsNoTables) {
    NewRealm realm = new_realm(Rule::kRmm2TfRmm, request(48, 0, 1));
    const Ipa top{1ULL << 47};
    EXPECT_EQ(realm.rtt_init_ripas(Ipa{0}, top)->value, top.value);
    const ActivatedRealm active = std::move(realm).realm_activate(RemRule::kTfRmm);
    EXPECT_EQ(active.active().ram, std::vector{*IpaRange::make(Ipa{0}, top.value)});
}

TEST(NewRealm, Activated_HandsOverWhatRsiAnswersFrom) {
    RealmRequest wanted = request(40, 1, 2);
    const Bytes rpv(64, std::byte{0x5a});
    wanted.params.set(P::kRpv, rpv);
    wanted.params.set(P::kHashAlgo, 1);
    NewRealm realm = new_realm(Rule::kRmm1, wanted);
    EXPECT_TRUE(realm.rtt_create(Ipa{k1G}, 2).ok());
    EXPECT_TRUE(realm.rtt_create(Ipa{k1G}, 3).ok());
    const Bytes page(4096);
    EXPECT_TRUE(realm.data_create(Ipa{k1G}, 1, ByteSpan(page))->ok());
    EXPECT_TRUE(realm.data_create(Ipa{k1G + 0x1000}, 0, {})->ok());
    EXPECT_TRUE(realm.data_create_unknown(Ipa{k1G + 0x2000}).ok());
    EXPECT_EQ(realm.rtt_init_ripas(Ipa{2 * k1G}, Ipa{4 * k1G})->value, 4 * k1G);
    EXPECT_TRUE(realm.rec_create(rec(0))->ok());
    EXPECT_TRUE(realm.rec_create(rec(1))->ok());
    const std::string rim = to_hex(realm.rim());

    const ActivatedRealm activated = std::move(realm).realm_activate(RemRule::kSpec);
    const ActiveRealm& active = activated.active();
    EXPECT_EQ(active.ipa_bits, 40U);
    EXPECT_EQ(active.hash, measure::Hash::kSha512);
    EXPECT_EQ(to_hex(active.rim), rim);
    EXPECT_EQ(active.rem_rule, RemRule::kSpec);
    EXPECT_EQ(to_hex(active.personalization), to_hex(rpv));
    EXPECT_EQ(active.mpidrs, (std::vector<std::uint64_t>{0, 1}));
    EXPECT_EQ(active.ram, (std::vector{*IpaRange::make(Ipa{k1G}, 0x2000),
                                       *IpaRange::make(Ipa{2 * k1G}, 2 * k1G)}));
    EXPECT_EQ(activated.rec_enter(0).status, RmiStatus::kErrorRec);
}

// RMI 1.0 stops at an assigned page; RMI 2.0 passes it and makes it RAM.
TEST(NewRealm, InitRipasOverAssignedPages_DiffersBetweenGenerations) {
    for (const Rule rule : {Rule::kRmm1, Rule::kRmm2TfRmm}) {
        NewRealm realm = new_realm(rule, request(34, 2, 16));
        EXPECT_TRUE(realm.rtt_create(Ipa{0}, 3).ok());
        EXPECT_TRUE(realm.data_create_unknown(Ipa{0x1000}).ok());
        const RmiAnswer first = realm.rtt_init_ripas(Ipa{0}, Ipa{0x3000}).value();
        const RmiAnswer second = realm.rtt_init_ripas(Ipa{0x1000}, Ipa{0x3000}).value();
        if (rule == Rule::kRmm1) {
            EXPECT_EQ(first, (RmiAnswer{.value = 0x1000}));
            EXPECT_EQ(second, (RmiAnswer{.status = RmiStatus::kErrorRtt, .level = 3}));
        } else {
            EXPECT_EQ(first, (RmiAnswer{.value = 0x3000}));
            EXPECT_EQ(second, (RmiAnswer{.value = 0x3000}));
        }
    }
}

}  // namespace
}  // namespace rvmm::realm
