#include "realm/plan/ripas_entries.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "measure/vectors.hpp"

namespace rvmm::realm {
namespace {

using measure::Hash;
using measure::RimExtender;
using measure::Rule;
using vectors::json;
using vectors::number;
using vectors::text;
using Runs = std::vector<RipasRun>;

constexpr std::uint64_t k4K = 4096;
constexpr std::uint64_t k2M = 2ULL << 20;
constexpr std::uint64_t k1G = 1ULL << 30;
constexpr std::uint64_t k512G = 1ULL << 39;

constexpr IpaRange range(std::uint64_t base, std::uint64_t size) {
    return *IpaRange::make(Ipa{base}, size);
}
constexpr RipasRun run(std::uint64_t base, std::uint64_t count, std::uint64_t entry_size) {
    return {range(base, count * entry_size), entry_size};
}

// The runs as the vectors have them: [base, top, entry size].
Runs runs_of(const json& given) {
    Runs runs;
    for (const json& one : given)
        runs.push_back({vectors::range(one.at(0), one.at(1)), number(one.at(2))});
    return runs;
}

std::vector<IpaRange> populated_of(const json& launch) {
    std::vector<IpaRange> ranges;
    for (const json& part : launch.at("populate"))
        ranges.push_back(vectors::range(part.at("base"), part.at("top")));
    std::ranges::sort(ranges, {}, &IpaRange::base);
    return ranges;
}

Runs v10_runs(const json& launch) {
    const json& params = launch.at("realm_params");
    const json calls =
        launch.value("init_ripas_calls", json::array({launch.value("slot", json())}));
    Runs runs;
    for (const json& call : calls)
        for (const RipasRun& one :
             ripas_of_call(params.at("s2sz"), vectors::range(call.at(0), call.at(1))))
            runs.push_back(one);
    return runs;
}

Runs v12_runs(const json& launch) {
    const unsigned ipa_bits = launch.at("realm_params").at("s2sz");
    const auto populated = populated_of(launch);
    if (launch.contains("slot"))
        return ripas_of_slot(
            ipa_bits, vectors::range(launch.at("slot").at(0), launch.at("slot").at(1)), populated);
    std::vector<std::uint32_t> ids = launch.at("slots_set_in_order");
    Runs runs;
    for (const std::uint32_t id : slot_walk_order(ids)) {
        for (const json& slot : launch.at("slots")) {
            if (slot.at("id") != id) continue;
            const IpaRange all = range(number(slot.at("base")), number(slot.at("size")));
            for (const RipasRun& one : ripas_of_slot(ipa_bits, all, populated)) runs.push_back(one);
        }
    }
    return runs;
}

void extend(RimExtender& extender, const Runs& runs) {
    for (const RipasRun& one : runs)
        ASSERT_TRUE(for_each_entry(one, [&](const IpaRange& e) { return extender.ripas(e); }));
}

std::string v10_rim(const json& launch) {
    RimExtender extender(Rule::kRmm1, Hash::kSha256);
    EXPECT_TRUE(extender.realm_create(vectors::realm_params(launch.at("realm_params"))));
    extend(extender, v10_runs(launch));
    vectors::populate(extender, launch);
    EXPECT_TRUE(extender.rec(vectors::rec0_params(launch)));
    return to_hex(extender.rim());
}

std::string v12_rim(const json& launch) {
    RimExtender extender(Rule::kRmm1, Hash::kSha256);
    EXPECT_TRUE(extender.realm_create(vectors::realm_params(launch.at("realm_params"))));
    vectors::populate(extender, launch);
    EXPECT_TRUE(extender.rec(vectors::rec0_params(launch)));
    extend(extender, v12_runs(launch));
    return to_hex(extender.rim());
}

TEST(RipasOfCall, CasesMeasuredOnV10_GiveTheirEntriesAndRims) {
    const json cases = vectors::load("realm-v10-cases.json").at("cases");
    ASSERT_EQ(cases.size(), 18U);
    for (const json& launch : cases) {
        EXPECT_EQ(v10_runs(launch), runs_of(launch.at("ripas_runs"))) << launch.at("name");
        EXPECT_EQ(v10_rim(launch), text(launch.at("rim"))) << launch.at("name");
    }
}

TEST(RipasOfSlot, CasesMeasuredOnV12_GiveTheirEntriesAndRims) {
    const json cases = vectors::load("realm-v12-cases.json").at("cases");
    ASSERT_EQ(cases.size(), 18U);
    for (const json& launch : cases) {
        EXPECT_EQ(v12_runs(launch), runs_of(launch.at("ripas_runs"))) << launch.at("name");
        EXPECT_EQ(v12_rim(launch), text(launch.at("rim"))) << launch.at("name");
    }
}

// One descriptor an entry, as the RMM logged them.
std::vector<IpaRange> entries_of(const Runs& runs) {
    std::vector<IpaRange> entries;
    for (const RipasRun& one : runs)
        (void)for_each_entry(one, [&](const IpaRange& entry) -> Result<> {
            entries.push_back(entry);
            return {};
        });
    return entries;
}

std::vector<IpaRange> descriptors_of(const json& launch) {
    std::vector<IpaRange> descriptors;
    for (const json& one : launch.at("ripas"))
        descriptors.push_back(vectors::range(one.at(0), one.at(1)));
    return descriptors;
}

TEST(RipasOfCall, RealLaunchV10_GivesItsDescriptorsAndRim) {
    const json launch = vectors::load("real-launch-v10.json");
    EXPECT_EQ(entries_of(v10_runs(launch)), descriptors_of(launch));
    EXPECT_EQ(v10_rim(launch), text(launch.at("rim")));
}

TEST(RipasOfSlot, RealLaunchV12_GivesItsDescriptorsAndRim) {
    const json launch = vectors::load("real-launch-v12.json");
    EXPECT_EQ(entries_of(v12_runs(launch)), descriptors_of(launch));
    EXPECT_EQ(v12_rim(launch), text(launch.at("rim")));
}

TEST(RipasOfCall, EntriesGrowAndShrinkWithAlignment) {
    EXPECT_EQ(ripas_of_call(40, range(0x8000'0000, k1G)), (Runs{run(0x8000'0000, 1, k1G)}));
    EXPECT_EQ(ripas_of_call(33, range(0x8000'0000, 2 * k1G)), (Runs{run(0x8000'0000, 1024, k2M)}));
    EXPECT_EQ(ripas_of_call(40, range(0x8020'0000, k1G)), (Runs{run(0x8020'0000, 512, k2M)}));
    EXPECT_EQ(ripas_of_call(40, range(0x4000'0000, k1G + 0x10000)),
              (Runs{run(0x4000'0000, 1, k1G), run(0x8000'0000, 16, k4K)}));
    EXPECT_EQ(ripas_of_call(40, range(0x3fff'f000, 2 * k1G)),
              (Runs{run(0x3fff'f000, 1, k4K), run(0x4000'0000, 1, k1G), run(0x8000'0000, 511, k2M),
                    run(0xbfe0'0000, 511, k4K)}));
    EXPECT_EQ(ripas_of_call(48, range(k512G - k1G, 2 * k512G)),
              (Runs{run(k512G - k1G, 1, k1G), run(k512G, 1, k512G), run(2 * k512G, 511, k1G)}));
    EXPECT_EQ(ripas_of_call(40, range(0x8000'0000, 0)), Runs{});
}

TEST(RipasOfSlot, PopulatedEverywhereOrOutside_LeavesOnlyTheGaps) {
    const IpaRange slot = range(0x8000'0000, k1G);
    const std::vector<IpaRange> all = {range(0, 4 * k1G)};
    EXPECT_EQ(ripas_of_slot(40, slot, all), Runs{});
    const std::vector<IpaRange> outside = {range(0x7fff'f000, k4K), range(0xc000'0000, k4K)};
    EXPECT_EQ(ripas_of_slot(40, slot, outside), (Runs{run(0x8000'0000, 1, k1G)}));
    const std::vector<IpaRange> touching = {range(0x8000'0000, k2M), range(0x8020'0000, k2M)};
    EXPECT_EQ(ripas_of_slot(40, slot, touching), (Runs{run(0x8040'0000, 510, k2M)}));
}

TEST(SlotWalkOrder, IsByBucketThenNewestFirst) {
    using Ids = std::vector<std::uint32_t>;
    EXPECT_EQ(slot_walk_order(Ids{0, 1, 2, 3}), (Ids{0, 3, 1, 2}));
    EXPECT_EQ(slot_walk_order(Ids{0, 144, 1}), (Ids{144, 0, 1}));
    EXPECT_EQ(slot_walk_order(Ids{0, 144, 1, 0}), (Ids{0, 144, 1}));
    EXPECT_EQ(slot_walk_order(Ids{}), Ids{});
}

}  // namespace
}  // namespace rvmm::realm
