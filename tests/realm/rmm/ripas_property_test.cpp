// IPA_STATE_SET and IPA_STATE_GET against a model that knows nothing but pages, and tables entry
// by entry.
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "realm/rmm/fake_realm_memory.hpp"
#include "realm/rmm/software_rmm.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {
namespace {

using rmi::SmcRegisters;

constexpr std::uint64_t kPage = kPageSize4K;

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }

  private:
    std::mt19937_64 engine_;
};

// One RIPAS a page, and every table of the RTT by level and address.
class PageModel {
  public:
    PageModel(unsigned ipa_bits, const std::vector<IpaRange>& slots)
        : start_level_(ipa_bits <= 34   ? 2
                       : ipa_bits <= 43 ? 1
                                        : 0) {
        for (const IpaRange& slot : slots)
            for (Ipa page = slot.base(); page < slot.top(); page = page + kPage) {
                pages_[page] = Ripas::kRam;
                for (int level = start_level_ + 1; level <= 3; ++level)
                    tables_.insert({level, align_down(page.value, entry_size(level - 1))});
            }
    }

    bool is_memory(Ipa page) const { return pages_.contains(page); }
    Ripas at(Ipa page) const {
        const auto found = pages_.find(page);
        return found == pages_.end() ? Ripas::kEmpty : found->second;
    }
    void set(Ipa page, Ripas ripas) { pages_[page] = ripas; }
    Ipa run_end(Ipa base, Ipa end) const;

  private:
    static std::uint64_t entry_size(int level) { return kPage << (9 * (3 - level)); }
    bool is_table(int level, std::uint64_t address) const {
        return level == start_level_ || (level <= 3 && tables_.contains({level, address}));
    }

    int start_level_;
    std::map<Ipa, Ripas> pages_;
    std::set<std::pair<int, std::uint64_t>> tables_;
};

Ipa PageModel::run_end(Ipa base, Ipa end) const {
    int level = start_level_;
    while (is_table(level + 1, align_down(base.value, entry_size(level)))) ++level;
    const std::uint64_t size = entry_size(level);
    std::uint64_t entry = align_down(base.value, size);
    const std::uint64_t table_end = align_down(entry, 512 * size) + 512 * size;
    const Ripas first = at(base);
    for (; entry < table_end && entry < end.value; entry += size)
        if (is_table(level + 1, entry) || at(Ipa{entry}) != first) break;
    return std::min(Ipa{entry}, end);
}

struct RealmShape {
    unsigned ipa_bits;
    std::vector<IpaRange> slots;
};

RealmShape random_shape(Random& random) {
    constexpr std::array<unsigned, 8> kWidths = {32, 33, 34, 35, 40, 43, 44, 48};
    RealmShape shape{kWidths[random.below(kWidths.size())], {}};
    const std::uint64_t pages = 1ULL << (shape.ipa_bits - 13);
    std::uint64_t next = random.below(pages - 8192);
    for (std::uint64_t count = 1 + random.below(3); count > 0; --count) {
        const std::uint64_t size = 1 + random.below(1100);
        if (next + size > pages) break;
        shape.slots.push_back(*IpaRange::make(Ipa{next * kPage}, size * kPage));
        next += size + random.below(3) * random.below(700);  // often touching
    }
    return shape;
}

class Walk {
  public:
    Walk(Random& random, RealmShape shape)
        : random_(random),
          shape_(std::move(shape)),
          model_(shape_.ipa_bits, shape_.slots),
          memory_(shape_.slots),
          rmm_(*SoftwareRmm::create(realm(), memory_)) {}

    void step() {
        const std::uint64_t limit = 1ULL << (shape_.ipa_bits - 1);
        const IpaRange& slot = shape_.slots[random_.below(shape_.slots.size())];
        const std::uint64_t around =
            random_.below(8) == 0 ? limit / kPage : slot.size() / kPage + 64;
        const std::uint64_t from = random_.below(8) == 0 ? 0 : slot.base().value;
        const Ipa base{(from + random_.below(around) * kPage) % limit};
        const Ipa top{std::min(limit, base.value + (1 + random_.below(around)) * kPage)};
        if (random_.below(2) == 0)
            check_get(base, top);
        else if (top - base <= 4096 * kPage)
            check_set(base, top, random_.below(2) == 0 ? Ripas::kEmpty : Ripas::kRam);
    }

    void check_everything() {
        for (const IpaRange& slot : shape_.slots)
            for (Ipa page = slot.base(); page < slot.top(); page = page + kPage)
                ASSERT_EQ(rmm_.ripas_at(page), model_.at(page)) << std::hex << page.value;
    }

  private:
    ActiveRealm realm() const {
        ActiveRealm realm;
        realm.ipa_bits = shape_.ipa_bits;
        realm.rim = measure::Digest(measure::Hash::kSha256);
        realm.ram = shape_.slots;
        realm.mpidrs = {0};
        return realm;
    }
    static SmcRegisters registers(rmi::RsiFunction function, Ipa base, Ipa top, std::uint64_t x3) {
        SmcRegisters registers;
        registers.x = {static_cast<std::uint64_t>(function), base.value, top.value, x3};
        return registers;
    }

    void check_get(Ipa base, Ipa top) {
        SmcRegisters x = registers(rmi::RsiFunction::kIpaStateGet, base, top, 0);
        ASSERT_TRUE(std::holds_alternative<Handled>(rmm_.smc(0, x)));
        ASSERT_EQ(x.x[0], 0U);
        EXPECT_EQ(x.x[1], model_.run_end(base, top).value)
            << fmt::format("{:x} to {:x}, {} bits", base.value, top.value, shape_.ipa_bits);
        EXPECT_EQ(x.x[2], static_cast<std::uint64_t>(model_.at(base)));
    }

    void check_set(Ipa base, Ipa top, Ripas ripas) {
        Ipa progress = base;
        std::vector<Ipa> changed;
        for (; progress < top; progress = progress + kPage) {
            if (!model_.is_memory(progress) && ripas == Ripas::kRam) break;
            if (!model_.is_memory(progress) || model_.at(progress) == ripas) continue;
            changed.push_back(progress);
            model_.set(progress, ripas);
        }
        SmcRegisters x =
            registers(rmi::RsiFunction::kIpaStateSet, base, top, static_cast<std::uint64_t>(ripas));
        const SmcOutcome outcome = rmm_.smc(0, x);
        const auto* change = std::get_if<IpaStateChange>(&outcome);
        ASSERT_NE(change, nullptr);
        EXPECT_EQ(change->progress, progress);
        EXPECT_EQ(change->reject, progress == base);
        EXPECT_EQ(pages_of(*change), changed);
        rmm_.complete(*change, x);
        EXPECT_EQ(x.x[0], 0U);
        EXPECT_EQ(x.x[1], progress.value);
        EXPECT_EQ(x.x[2], progress == base ? 1U : 0U);
    }

    // The pages of a change, whose parts have to be as few as they can be.
    static std::vector<Ipa> pages_of(const IpaStateChange& change) {
        std::vector<Ipa> pages;
        for (const IpaRange& part : change.changes) {
            EXPECT_FALSE(part.empty());
            EXPECT_TRUE(pages.empty() || pages.back() + kPage < part.base());
            for (Ipa page = part.base(); page < part.top(); page = page + kPage)
                pages.push_back(page);
        }
        return pages;
    }

    Random& random_;
    RealmShape shape_;
    PageModel model_;
    FakeRealmMemory memory_;
    SoftwareRmm rmm_;
};

TEST(SoftwareRmm, RandomIpaStateCalls_AgreeWithPageModel) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        Random random(seed);
        Walk walk(random, random_shape(random));
        for (int i = 0; i < 200; ++i) {
            walk.step();
            if (testing::Test::HasFailure()) return;
        }
        walk.check_everything();
    }
}

}  // namespace
}  // namespace rvmm::realm
