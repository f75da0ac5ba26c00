#include "realm/plan/find_axes.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/ranges.h>

#include "base/text.hpp"
#include "realm/spec/config_keys.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kShownWish = 200;
constexpr std::size_t kShownPart = 64;

constexpr std::array<std::string_view, kAxisCount> kKeys = {
    "realm.profile",     "realm.ipa_bits",    "realm.sve_vl", "realm.pmu_counters",
    "realm.breakpoints", "realm.watchpoints", "boot.initrd",  "machine.memory",
    "machine.vcpus",     "boot.cmdline"};

constexpr std::size_t index_of(Axis axis) {
    return static_cast<std::size_t>(axis);
}

/// A key whose value is a number, and what is usual for it.
struct NumberAxis {
    Axis axis;
    std::uint64_t (*get)(const RealmSpec&);
    void (*set)(RealmSpec&, std::uint64_t);
    std::vector<std::uint64_t> usual;
};

template <auto Field>
NumberAxis machine(Axis axis, std::vector<std::uint64_t> usual) {
    return {axis, [](const RealmSpec& spec) -> std::uint64_t { return spec.machine.*Field; },
            [](RealmSpec& spec, std::uint64_t value) {
                auto& field = spec.machine.*Field;
                field = static_cast<std::remove_reference_t<decltype(field)>>(value);
            },
            std::move(usual)};
}
template <auto Field>
NumberAxis realm(Axis axis, std::vector<std::uint64_t> usual) {
    return {axis, [](const RealmSpec& spec) -> std::uint64_t { return spec.realm.value().*Field; },
            [](RealmSpec& spec, std::uint64_t value) {
                spec.realm.value().*Field = static_cast<unsigned>(value);
            },
            std::move(usual)};
}

std::vector<std::uint64_t> from_to(std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> values;
    for (std::uint64_t value = first; value <= last; ++value) values.push_back(value);
    return values;
}

const std::vector<NumberAxis>& number_axes() {
    using P = RealmParameters;
    constexpr std::uint64_t kMiB = 1U << 20;
    static const std::vector<NumberAxis> axes = {
        realm<&P::ipa_bits>(Axis::kIpaBits, from_to(32, 48)),
        realm<&P::sve_vl>(Axis::kSveVl, {0, 128, 256, 512, 1024, 2048}),
        realm<&P::pmu_counters>(Axis::kPmuCounters, {0, 4, 6, 8, 20, 31}),
        realm<&P::breakpoints>(Axis::kBreakpoints, from_to(2, 16)),
        realm<&P::watchpoints>(Axis::kWatchpoints, from_to(2, 16)),
        machine<&MachineSpec::memory>(Axis::kMemory,
                                      {128 * kMiB, 256 * kMiB, 512 * kMiB, 1024 * kMiB, 2048 * kMiB,
                                       4096 * kMiB, 8192 * kMiB, 16384 * kMiB}),
        machine<&MachineSpec::vcpus>(Axis::kVcpus, {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64}),
    };
    return axes;
}

template <class T>
void add_new(std::vector<T>& values, const T& value) {
    if (std::ranges::find(values, value) == values.end()) values.push_back(value);
}

bool same_rims(const Profile& a, const Profile& b) {
    return a.rule == b.rule && a.order == b.order && a.ripas == b.ripas &&
           a.page_size == b.page_size && a.lpa2 == b.lpa2;
}

/// The axis of `name`, a key that varies.
Result<Axis> find_axis(std::string_view name, std::string_view wish) {
    const auto found = std::ranges::find(kKeys, name);
    if (found != kKeys.end()) return static_cast<Axis>(found - kKeys.begin());
    if (name == "realm.hash")
        return fail(Stage::kUsage, "{}: realm.hash follows from the length of the RIM", wish);
    const std::string_view table = name.substr(0, name.find('.'));
    const std::string_view key = name.substr(std::min(name.size(), table.size() + 1));
    if (find_key(table, key) != nullptr)
        return fail(Stage::kUsage, "{}: {} does not vary; the keys that do are {}", wish, name,
                    fmt::join(kKeys, ", "));
    return fail(Stage::kUsage, "{}: {}", wish,
                is_table(table) ? unknown_key(table, key) : unknown_table(table));
}

/// The values that a key takes, and how the next after one is found in a range of them.
struct Numbers {
    std::uint64_t min, max, step;
    bool size;  // in bytes: a range goes on by doubling

    std::optional<std::uint64_t> parse(std::string_view text) const {
        const auto value = size ? parse_size(text) : parse_unsigned(text);
        if (!value || *value < min || *value > max || *value % step != 0) return std::nullopt;
        return value;
    }
    std::uint64_t next(std::uint64_t value) const { return size ? 2 * value : value + step; }
};

Numbers numbers_of(const Rule& rule) {
    if (const auto* bytes = std::get_if<SizeRule>(&rule))
        return {bytes->min, bytes->max, bytes->step, true};
    const auto& plain = std::get<IntegerRule>(rule);
    return {plain.min, plain.max, plain.step, false};
}

/// Adds what `text`, "V" or "A-B", stands for; false if it is not that.
bool add_numbers(const Numbers& numbers, std::string_view text,
                 std::vector<std::uint64_t>& values) {
    const std::size_t dash = text.find('-');
    const auto first = numbers.parse(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : numbers.parse(text.substr(dash + 1));
    if (!first || !last || *last < *first) return false;
    for (std::uint64_t value = *first; value <= *last; value = numbers.next(value))
        add_new(values, value);
    return true;
}

/// Calls `visit` for each part of `text` between commas.
template <class Visit>
Result<> for_each_part(std::string_view text, Visit visit) {
    while (true) {
        const std::size_t comma = text.find(',');
        RVMM_CHECK(visit(text.substr(0, comma)));
        if (comma == std::string_view::npos) return {};
        text.remove_prefix(comma + 1);
    }
}

std::uint64_t saturating(std::uint64_t a, std::uint64_t factor, std::uint64_t plus) {
    if (factor != 0 && a > (UINT64_MAX - plus) / factor) return UINT64_MAX;
    return a * factor + plus;
}

}  // namespace

std::string_view axis_key(Axis axis) {
    return kKeys[index_of(axis)];
}

void Axes::group_profiles(const std::vector<const Profile*>& rows) {
    groups_.clear();
    for (const Profile* row : rows) {
        const auto group = std::ranges::find_if(
            groups_, [row](const ProfileGroup& g) { return same_rims(*g.rows.front(), *row); });
        if (group == groups_.end())
            groups_.push_back({{row}});
        else
            add_new(group->rows, row);
    }
}

Result<> Axes::vary(std::string_view wish, const ProfileTable& profiles) {
    const std::string name = "--vary " + printable(wish, kShownWish);
    const std::size_t equals = wish.find('=');
    RVMM_TRY(const Axis axis, find_axis(wish.substr(0, equals), name));
    if (axis == Axis::kCmdline)
        return fail(Stage::kUsage, "{}: --try and --try-file give command lines", name);
    if (axis == Axis::kInitrd)
        return fail(Stage::kUsage, "{}: the initrd is there or left out; --only boot.initrd", name);
    if (equals == std::string_view::npos || equals + 1 == wish.size())
        return fail(Stage::kUsage, "{}: expected KEY=V1,V2,A-B, such as machine.vcpus=1,4-8", name);
    const std::string_view list = wish.substr(equals + 1);
    if (axis == Axis::kProfile) {
        std::vector<const Profile*> rows = {groups_.front().rows.front()};
        RVMM_CHECK(for_each_part(list, [&](std::string_view part) -> Result<> {
            auto found = profiles.find(part);
            if (!found)
                return std::unexpected(
                    std::move(found).error().with_context(name).with_stage(Stage::kUsage));
            rows.push_back(*found);
            return {};
        }));
        group_profiles(rows);
        return {};
    }
    const ConfigKey& key = *std::ranges::find(config_keys(), axis_key(axis), &ConfigKey::full_name);
    auto& values = numbers_[index_of(axis)];
    values.resize(1);
    return for_each_part(list, [&](std::string_view part) -> Result<> {
        if (add_numbers(numbers_of(key.rule), part, values)) return {};
        return fail(Stage::kUsage, "{}: {} must be {}, or a range A-B of them, not \"{}\"", name,
                    axis_key(axis), expectation(key.rule), printable(part, kShownPart));
    });
}

Result<Axes> Axes::create(const RealmSpec& spec, const ProfileTable& profiles,
                          const AxisWishes& wishes) {
    Axes axes(spec);
    auto own = profiles.find(spec.realm.value().profile);
    if (!own) return std::unexpected(std::move(own).error().with_context("realm.profile"));
    std::vector<const Profile*> rows = {*own};
    for (const Profile& row : profiles.rows()) rows.push_back(&row);
    axes.group_profiles(rows);
    for (const NumberAxis& number : number_axes()) {
        auto& values = axes.numbers_[index_of(number.axis)];
        values.push_back(number.get(spec));
        for (const std::uint64_t value : number.usual) add_new(values, value);
    }
    std::array<bool, kAxisCount> varies{};
    if (wishes.only.empty()) varies.fill(true);
    for (const std::string& key : wishes.only) {
        RVMM_TRY(const Axis axis, find_axis(key, "--only " + printable(key, kShownWish)));
        varies[index_of(axis)] = true;
    }
    for (const std::string& wish : wishes.vary) {
        RVMM_CHECK(axes.vary(wish, profiles));
        varies[index_of(*find_axis(std::string_view(wish).substr(0, wish.find('=')), wish))] = true;
    }
    RVMM_CHECK(axes.add_cmdlines(wishes.cmdlines));
    axes.set_sizes(varies);
    return axes;
}

Result<> Axes::add_cmdlines(const std::vector<std::string>& cmdlines) {
    const auto& rule = std::get<TextRule>(find_key("boot", "cmdline")->rule);
    cmdlines_.push_back(spec_->boot.cmdline);
    std::unordered_set<std::string_view> known = {spec_->boot.cmdline};
    for (const std::string& cmdline : cmdlines) {
        if (cmdline.size() > rule.max_bytes || cmdline.find('\0') != std::string::npos)
            return fail(Stage::kUsage,
                        "the command line \"{}\" must be a string of up to {} bytes without NUL",
                        printable(cmdline, kShownPart), rule.max_bytes);
        if (known.insert(cmdline).second) cmdlines_.push_back(cmdline);
    }
    return {};
}

void Axes::set_sizes(const std::array<bool, kAxisCount>& varies) {
    for (std::size_t i = 0; i < kAxisCount; ++i)
        sizes_[i] = varies[i] ? std::max<std::size_t>(numbers_[i].size(), 1) : 1;
    if (varies[index_of(Axis::kProfile)]) sizes_[index_of(Axis::kProfile)] = groups_.size();
    if (varies[index_of(Axis::kInitrd)])
        sizes_[index_of(Axis::kInitrd)] = spec_->boot.initrd ? 2 : 1;
    sizes_[index_of(Axis::kCmdline)] = cmdlines_.size();
}

const ProfileGroup& Axes::group(const Candidate& candidate) const {
    return groups_[candidate[index_of(Axis::kProfile)]];
}

void Axes::apply(const Candidate& candidate, RealmSpec& spec) const {
    for (const NumberAxis& number : number_axes())
        number.set(spec, numbers_[index_of(number.axis)][candidate[index_of(number.axis)]]);
    if (candidate[index_of(Axis::kInitrd)] == 0)
        spec.boot.initrd = spec_->boot.initrd;
    else
        spec.boot.initrd.reset();
    spec.boot.cmdline = cmdlines_[candidate[index_of(Axis::kCmdline)]];
}

std::uint64_t Axes::count(unsigned changes) const {
    // counts[c]: candidates with c changes among the axes so far.
    std::array<std::uint64_t, kAxisCount + 1> counts{1};
    for (const std::size_t size : sizes_)
        for (std::size_t c = kAxisCount; c > 0; --c)
            counts[c] = saturating(counts[c - 1], size - 1, counts[c]);
    return changes <= kAxisCount ? counts[changes] : 0;
}

Result<bool> Axes::for_each(unsigned changes,
                            const std::function<Result<bool>(const Candidate&)>& visit) const {
    Candidate candidate{};
    const std::function<Result<bool>(std::size_t, unsigned)> descend =
        [&](std::size_t axis, unsigned left) -> Result<bool> {
        if (left == 0) return visit(candidate);
        if (kAxisCount - axis < left) return true;
        for (std::uint32_t value = 0; value < sizes_[axis]; ++value) {
            candidate[axis] = value;
            auto go_on = descend(axis + 1, value == 0 ? left : left - 1);
            if (!go_on || !*go_on) return go_on;
        }
        candidate[axis] = 0;
        return true;
    };
    return descend(0, changes);
}

std::uint64_t Axes::largest_memory() const {
    const std::size_t axis = index_of(Axis::kMemory);
    const auto& values = numbers_[axis];
    return *std::max_element(values.begin(),
                             values.begin() + static_cast<std::ptrdiff_t>(sizes_[axis]));
}

}  // namespace rvmm::realm
