// The loops with which Linux KVM builds realms on RMM 1.0, driving the software RMM: the closed
// forms of plan/ripas_entries.hpp lead to the same RIM, and so do the launches that were recorded
// on running hosts. Source: shared facts, the KVM realm ABI sheets sections 7 (v12) and 7 (v10).
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "measure/vectors.hpp"
#include "realm/plan/ripas_entries.hpp"
#include "realm/rmm/kvm_host.hpp"

namespace rvmm::realm {
namespace {

using measure::Hash;
using measure::RimExtender;
using measure::Rule;
using vectors::json;
using vectors::number;
using vectors::text;

KvmHost create(const rmi::RealmParams& params) {
    return *KvmHost::create({.rule = Rule::kRmm1}, params);
}

void v12_ripas(KvmHost& host, const IpaRange& slot) {
    ASSERT_EQ(host.init_ripas_of_slot(slot), KvmHost::Ripas::kDone);
}

void v10_ripas(KvmHost& host, const IpaRange& range) {
    ASSERT_EQ(host.init_ripas_of_call(range), KvmHost::Ripas::kDone);
}

void populate(KvmHost& host, const json& launch) {
    for (const json& part : launch.at("populate")) {
        Ipa ipa{number(part.at("base"))};
        for (const json& page : part.at("page_sha256")) {
            const auto digest = measure::Digest::from_hex(text(page));
            ASSERT_TRUE(host.populate(ipa, part.at("flags") == 1, *digest)) << ipa.value;
            ipa = ipa + kPageSize4K;
        }
    }
}

std::vector<IpaRange> v12_slots(const json& launch) {
    if (launch.contains("slot"))
        return {vectors::range(launch.at("slot").at(0), launch.at("slot").at(1))};
    const std::vector<std::uint32_t> ids = launch.at("slots_set_in_order");
    std::vector<IpaRange> slots;
    for (const std::uint32_t id : slot_walk_order(ids))
        for (const json& slot : launch.at("slots"))
            if (slot.at("id") == id)
                slots.push_back(
                    *IpaRange::make(Ipa{number(slot.at("base"))}, number(slot.at("size"))));
    return slots;
}

std::string v12_rim(const json& launch) {
    KvmHost host = create(vectors::realm_params(launch.at("realm_params")));
    populate(host, launch);
    EXPECT_TRUE(host.create_rec(vectors::rec0_params(launch)));
    for (const IpaRange& slot : v12_slots(launch)) v12_ripas(host, slot);
    return to_hex(host.rim());
}

std::string v10_rim(const json& launch) {
    KvmHost host = create(vectors::realm_params(launch.at("realm_params")));
    const json calls =
        launch.value("init_ripas_calls", json::array({launch.value("slot", json())}));
    for (const json& call : calls) v10_ripas(host, vectors::range(call.at(0), call.at(1)));
    populate(host, launch);
    EXPECT_TRUE(host.create_rec(vectors::rec0_params(launch)));
    return to_hex(host.rim());
}

TEST(HostModel, LaunchesOnRunningHosts_GiveTheirRims) {
    for (const char* file : {"realm-v12-cases.json", "realm-v10-cases.json"}) {
        const json cases = vectors::load(file).at("cases");
        ASSERT_EQ(cases.size(), 18U);
        for (const json& launch : cases)
            EXPECT_EQ(launch.contains("slots") ? v12_rim(launch) : v10_rim(launch),
                      text(launch.at("rim")))
                << file << launch.at("name");
    }
    const json v12 = vectors::load("real-launch-v12.json");
    EXPECT_EQ(v12_rim(v12), text(v12.at("rim")));
    const json v10 = vectors::load("real-launch-v10.json");
    EXPECT_EQ(v10_rim(v10), text(v10.at("rim")));
}

// A random realm: RAM that begins and ends near boundaries of every size, some of it populated.
class RandomRealm {
  public:
    explicit RandomRealm(std::uint32_t seed) : random_(seed) {
        ipa_bits = pick({32U, 33U, 34U, 35U, 36U, 39U, 40U, 43U, 44U, 48U});
        const std::uint64_t half = 1ULL << (ipa_bits - 1);
        while (slot.empty()) {
            const std::uint64_t unit = pick({1ULL << 21, 1ULL << 30});
            const std::uint64_t base = (below(half / unit) * unit + edge()) % half;
            const std::uint64_t most = unit == 1ULL << 30 && ipa_bits > 34 ? 4 * unit : 8ULL << 20;
            const std::uint64_t size = (below(most >> 21) << 21) + edge();
            slot = *IpaRange::make(Ipa{base}, std::min(size, half - base));
        }
        for (std::uint64_t n = below(5); n > 0; --n) populate_run();
    }

    // Sorted, disjoint, whole pages.
    std::vector<IpaRange> populated() const {
        std::vector<IpaRange> ranges;
        for (const Ipa page : pages) ranges.push_back(*IpaRange::make(page, kPageSize4K));
        return ranges;
    }

    rmi::RealmParams params() const {
        rmi::RealmParams params;
        params.set(rmi::RealmParams::kS2sz, ipa_bits);
        params.set(rmi::RealmParams::kNumBps, 1);
        params.set(rmi::RealmParams::kNumWps, 1);
        return params;
    }

    unsigned ipa_bits = 0;
    IpaRange slot;
    std::set<Ipa> pages;

  private:
    template <class T>
    T pick(std::initializer_list<T> choices) {
        return choices.begin()[below(choices.size())];
    }
    std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : random_() % end; }
    // Nothing, or up to 2 MiB of pages.
    std::uint64_t edge() { return below(2) == 0 ? 0 : below(512) * kPageSize4K; }

    // Up to 20 pages in the slot or just outside it, sometimes a full 2 MiB.
    void populate_run() {
        const std::uint64_t half = 1ULL << (ipa_bits - 1);
        Ipa page{slot.base().value + below(slot.size() / kPageSize4K) * kPageSize4K};
        if (below(4) == 0) page = Ipa{align_down(page.value, 1ULL << 21)};
        for (std::uint64_t n = below(8) == 0 ? 512 : 1 + below(20); n > 0; --n) {
            if (page.value < half) pages.insert(page);
            page = page + kPageSize4K;
        }
    }

    std::mt19937_64 random_;
};

std::string closed_form_rim(const RandomRealm& given, bool v12) {
    RimExtender extender(Rule::kRmm1, Hash::kSha256);
    EXPECT_TRUE(extender.realm_create(given.params()));
    if (v12) {
        for (const Ipa page : given.pages) EXPECT_TRUE(extender.data_unmeasured(page));
    }
    const auto runs = v12 ? ripas_of_slot(given.ipa_bits, given.slot, given.populated())
                          : ripas_of_call(given.ipa_bits, given.slot);
    for (const RipasRun& run : runs)
        EXPECT_TRUE(for_each_entry(run, [&](const IpaRange& e) { return extender.ripas(e); }));
    return to_hex(extender.rim());
}

TEST(HostModel, RandomRealms_MeasureAsTheClosedFormsSay) {
    constexpr std::uint32_t kRealms = 2000;
    std::size_t with_pages = 0;
    for (std::uint32_t seed = 1; seed <= kRealms; ++seed) {
        const RandomRealm given(seed);
        with_pages += given.pages.empty() ? 0 : 1;
        KvmHost v10 = create(given.params());
        v10_ripas(v10, given.slot);
        ASSERT_EQ(to_hex(v10.rim()), closed_form_rim(given, false)) << "seed " << seed;
        KvmHost v12 = create(given.params());
        for (const Ipa page : given.pages) ASSERT_TRUE(v12.populate(page, false, {}));
        v12_ripas(v12, given.slot);
        ASSERT_EQ(to_hex(v12.rim()), closed_form_rim(given, true)) << "seed " << seed;
    }
    EXPECT_GT(with_pages, kRealms / 2);
}

}  // namespace
}  // namespace rvmm::realm
