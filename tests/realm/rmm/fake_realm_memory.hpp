// A realm's memory as an emulated host keeps it: a private and a shared half on different pages,
// and what a conversion does to them.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "realm/rmm/software_rmm.hpp"

namespace rvmm::realm {

class FakeRealmMemory : public RealmMemory {
  public:
    explicit FakeRealmMemory(std::vector<IpaRange> ram) : ram_(std::move(ram)) {}

    Result<> read(Ipa ipa, MutableByteSpan out) override {
        if (!is_private(ipa, out.size())) return fail(Stage::kInternal, "not private RAM");
        std::ranges::copy_n(at(private_, ipa), std::ssize(out), out.begin());
        return {};
    }
    Result<> write(Ipa ipa, ByteSpan bytes) override {
        if (!is_private(ipa, bytes.size())) return fail(Stage::kInternal, "not private RAM");
        std::ranges::copy(bytes, at(private_, ipa));
        return {};
    }

    /// What the host does with a change before it completes it.
    void convert(const IpaStateChange& change) {
        for (const IpaRange& part : change.changes)
            for (Ipa page = part.base(); page < part.top(); page = page + kPageSize4K) {
                if (change.ripas == Ripas::kEmpty) {
                    private_.erase(page);
                    empty_.insert(page);
                } else {
                    shared_.erase(page);
                    empty_.erase(page);
                }
            }
    }

    /// Accesses by the guest, through the plain address and through the shared alias of it.
    std::uint64_t load_private(Ipa ipa) { return load(at(private_, ipa)); }
    std::uint64_t load_shared(Ipa ipa) { return load(at(shared_, ipa)); }
    void store_private(Ipa ipa, std::uint64_t value) { store(at(private_, ipa), value); }
    void store_shared(Ipa ipa, std::uint64_t value) { store(at(shared_, ipa), value); }

  private:
    using Page = std::array<std::byte, kPageSize4K>;
    using Pages = std::map<Ipa, Page>;

    bool is_private(Ipa ipa, std::size_t size) const {
        const Ipa page{align_down(ipa.value, kPageSize4K)};
        const auto asked = IpaRange::make(ipa, size);
        return asked && asked->top() <= page + kPageSize4K && !empty_.contains(page) &&
               std::ranges::any_of(ram_, [&](const IpaRange& r) { return r.contains(*asked); });
    }
    static std::byte* at(Pages& pages, Ipa ipa) {
        const Ipa page{align_down(ipa.value, kPageSize4K)};
        return pages[page].data() + (ipa - page);
    }
    static std::uint64_t load(std::byte* from) { return load_le<std::uint64_t>({from, 8}); }
    static void store(std::byte* to, std::uint64_t value) {
        store_le(MutableByteSpan{to, 8}, value);
    }

    std::vector<IpaRange> ram_;
    Pages private_;
    Pages shared_;
    std::set<Ipa> empty_;
};

}  // namespace rvmm::realm
