#include "realm/plan/compare.hpp"

#include <algorithm>

#include "realm/plan/compare_devices.hpp"
#include "realm/plan/compare_steps.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kMostReasons = 8;

using Steps = std::vector<const MeasuredStep*>;

bool is_same(const MeasuredStep& a, const MeasuredStep& b) {
    return a.rim == b.rim && key_of(a) == key_of(b);
}

std::string keys(const Steps& steps) {
    std::string text;
    for (const MeasuredStep* step : steps) {
        if (text.size() > kShownName) break;
        text += (text.empty() ? "" : ", ") + key_of(*step);
    }
    return printable(text, kShownName);
}

bool has(const Steps& steps, const MeasuredStep& wanted) {
    return std::ranges::any_of(
        steps, [key = key_of(wanted)](const MeasuredStep* step) { return key_of(*step) == key; });
}

/// Compares two measurements that have contributions.
class Comparer {
  public:
    Comparer(const MeasuredInput& a, const MeasuredInput& b, Comparison& result)
        : a_(a),
          b_(b),
          result_(result),
          ours_(contributing(*a.measurement)),
          theirs_(contributing(*b.measurement)) {}

    Result<> run() {
        StepPair first;
        if (!result_.same) RVMM_CHECK(find_first(first));
        for (const StepPair& pair : pair_up(ours_, theirs_)) {
            if (pair.a != nullptr && pair.a == first.a && pair.b == first.b) continue;
            if (pair.a == nullptr && pair.b == first.b) continue;
            compare(pair, result_.same ? result_.unmeasured : result_.others);
        }
        return {};
    }

  private:
    void compare(const StepPair& pair, Differences& sink) {
        compare_pair(pair, *a_.measurement, *b_.measurement,
                     {.measured = sink, .unmeasured = result_.unmeasured});
    }

    Result<> find_first(StepPair& first) {
        std::size_t i = 0;
        std::uint64_t number = 0;
        for (; i < ours_.size() && i < theirs_.size() && is_same(*ours_[i], *theirs_[i]); ++i)
            number += extensions(*ours_[i]);
        const MeasuredStep* ours = i < ours_.size() ? ours_[i] : nullptr;
        const MeasuredStep* theirs = i < theirs_.size() ? theirs_[i] : nullptr;
        result_.first = FirstDifference{.extension = "", .number = number};
        Differences why(kMostReasons);
        if (ours == nullptr && theirs == nullptr) {
            result_.first->extension = "after the last step";
        } else if (ours != nullptr && theirs != nullptr && key_of(*ours) == key_of(*theirs)) {
            first = {ours, theirs};
            RVMM_CHECK(find_within(first, number, why));
        } else if (ours != nullptr && !has(theirs_, *ours)) {
            first = {ours, nullptr};
        } else if (theirs != nullptr && !has(ours_, *theirs)) {
            first = {nullptr, theirs};
        } else {
            result_.first->extension = key_of(ours != nullptr ? *ours : *theirs);
            why.add({"order of the steps", keys(ours_), keys(theirs_)});
            why.add({"profile", printable(a_.measurement->profile, kShownName),
                     printable(b_.measurement->profile, kShownName)});
        }
        if (first.a != nullptr || first.b != nullptr) {
            if (result_.first->extension.empty())
                result_.first->extension = key_of(first.a != nullptr ? *first.a : *first.b);
            compare(first, why);
        }
        if (why.empty()) why.add({"RIM", to_hex(a_.rim), to_hex(b_.rim)});
        result_.first->why = why.kept();
        result_.first->left_out = why.left_out();
        return {};
    }

    /// Names the extension within the steps of `pair`, which have the same key.
    Result<> find_within(const StepPair& pair, std::uint64_t number, Differences& why) {
        const auto* ours = std::get_if<DataMeasured>(&pair.a->what);
        const auto* theirs = std::get_if<DataMeasured>(&pair.b->what);
        if (ours != nullptr && theirs != nullptr) return find_page(*ours, *theirs, number, why);
        const auto* entries = std::get_if<RipasMeasured>(&pair.a->what);
        if (entries != nullptr && entries->entries > 1) result_.first->number.reset();
        return {};
    }

    Result<> find_page(const DataMeasured& a, const DataMeasured& b, std::uint64_t number,
                       Differences& why) {
        const bool alike = a.base == b.base && a.granule == b.granule && a.measured == b.measured &&
                           a_.hash == b_.hash;
        std::optional<std::uint64_t> page = 0;
        if (alike) {
            RVMM_TRY(page, differing_page(a, b, number, why));
        }
        const std::string what = printable(a.what, kShownName);
        if (!page) {
            result_.first->number.reset();
            result_.first->extension = fmt::format("a page of {}", what);
            return {};
        }
        result_.first->number = number + *page;
        result_.first->extension =
            fmt::format("page {} of {}, at {:#x}", *page, what, a.base.value + *page * a.granule);
        return {};
    }

    /// The first page in which two pieces of data differ that are alike otherwise; nothing if it
    /// cannot be told.
    Result<std::optional<std::uint64_t>> differing_page(const DataMeasured& a,
                                                        const DataMeasured& b, std::uint64_t number,
                                                        Differences& why) {
        const std::uint64_t common = std::min(a.size, b.size) / a.granule;
        if (!a.measured) return common;
        const auto contents = bytes_of(a_, a.what);
        const auto others = bytes_of(b_, b.what);
        if (contents && others) {
            const auto [ours, theirs] = std::ranges::mismatch(*contents, *others);
            const auto offset = static_cast<std::uint64_t>(ours - contents->begin());
            if (a.what != "fdt" && ours != contents->end() && theirs != others->end())
                why.add({fmt::format("{} byte {}", printable(a.what, kShownName), offset),
                         fmt::format("{:#04x}", std::to_integer<unsigned>(*ours)),
                         fmt::format("{:#04x}", std::to_integer<unsigned>(*theirs))});
            if (ours == contents->end() && theirs == others->end()) return std::nullopt;
            return std::min(offset / a.granule, common);
        }
        return page_by_digest(a, number, common, why);
    }

    Result<std::optional<std::uint64_t>> page_by_digest(const DataMeasured& a, std::uint64_t number,
                                                        std::uint64_t common, Differences& why) {
        RVMM_TRY(auto ours, page_digests(a_, a.what, number));
        RVMM_TRY(auto theirs, page_digests(b_, a.what, number));
        if (!ours || !theirs) return std::nullopt;
        for (std::uint64_t page = 0; page < common; ++page) {
            RVMM_TRY(const auto x, (*ours)());
            RVMM_TRY(const auto y, (*theirs)());
            if (x == y) continue;
            why.add({fmt::format("digest of page {} of {}", page, printable(a.what, kShownName)),
                     to_hex(x), to_hex(y)});
            return page;
        }
        return common;
    }

    /// The bytes of `what`, if they are at hand: a config's blobs, and any FDT.
    static std::optional<ByteSpan> bytes_of(const MeasuredInput& input, std::string_view what) {
        if (what == "fdt") return ByteSpan(input.measurement->fdt);
        return contents_of(input, what);
    }

    const MeasuredInput& a_;
    const MeasuredInput& b_;
    Comparison& result_;
    Steps ours_;
    Steps theirs_;
};

std::string allowed(const HostSpec& host) {
    std::string text;
    for (const HostKind kind : host.allow)
        text += fmt::format("{}{}", text.empty() ? "" : ", ", to_string(kind));
    return text;
}

/// What no rule measures.
void compare_rest(const MeasuredInput& a, const MeasuredInput& b, bool same, Differences& sink) {
    if (a.personalization && b.personalization && *a.personalization != *b.personalization)
        sink.add({"personalization (RPV)", to_hex(*a.personalization), to_hex(*b.personalization)});
    if (same && a.measurement && b.measurement && a.measurement->profile != b.measurement->profile)
        sink.add({"profile", printable(a.measurement->profile, kShownName),
                  printable(b.measurement->profile, kShownName)});
    if (!a.plan || !b.plan) return;
    const RealmSpec& ours = a.plan->spec();
    const RealmSpec& theirs = b.plan->spec();
    if (ours.host != theirs.host)
        sink.add({"host.allow", allowed(ours.host), allowed(theirs.host)});
    const auto mode = [](const SerialSpec& serial) {
        return serial.mode == SerialSpec::Mode::kStdio ? "stdio" : "none";
    };
    if (ours.serial != theirs.serial)
        sink.add({"serial.mode", mode(ours.serial), mode(theirs.serial)});
    compare_devices(ours.devices, theirs.devices, sink);
}

Result<> check_unchanged(const MeasuredInput& input) {
    if (input.plan)
        for (const Blob& blob : input.plan->layout().blobs)
            RVMM_CHECK(blob.contents.check_unchanged());
    return input.file.check_unchanged();
}

}  // namespace

Result<Comparison> compare(const MeasuredInput& a, const MeasuredInput& b) {
    Comparison result{.same = a.hash == b.hash && a.rim == b.rim};
    if (a.measurement && b.measurement) RVMM_CHECK(Comparer(a, b, result).run());
    compare_rest(a, b, result.same, result.unmeasured);
    RVMM_CHECK(check_unchanged(a));
    RVMM_CHECK(check_unchanged(b));
    return result;
}

}  // namespace rvmm::realm
