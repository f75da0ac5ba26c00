#include "realm/plan/profile_file.hpp"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "base/text.hpp"
#include "realm/spec/config_check.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kMaxName = 128;  // bytes, as a config's realm.profile
constexpr std::size_t kMaxNote = 200;

constexpr std::array<measure::Rule, 3> kRules = {measure::Rule::kRmm1, measure::Rule::kRmm2TfRmm,
                                                 measure::Rule::kRmm2Spec};
constexpr std::array<std::string_view, 3> kRuleNames = {"rmm-1.0", "rmm-2.0/tf-rmm",
                                                        "rmm-2.0/spec"};
constexpr std::array<StepOrder, 2> kOrders = {StepOrder::kPopulateRecsRipas,
                                              StepOrder::kRipasPopulateRecs};
constexpr std::array<std::string_view, 2> kOrderNames = {"populate, recs, ripas",
                                                         "ripas, populate, recs"};
constexpr std::array<RipasEntries, 2> kRipas = {RipasEntries::kGaps, RipasEntries::kWholeRange};
constexpr std::array<std::string_view, 2> kRipasNames = {"gaps", "whole-range"};
constexpr std::array<std::uint64_t, 3> kPageSizes = {4U << 10, 16U << 10, 64U << 10};

/// Stores a value in the member `Field` of the profile's draft.
template <auto Field, class Value>
void keep(ConfigDraft& draft, Value value) {
    draft.profile.*Field = std::move(value);
}
template <auto Field>
constexpr auto kText = &keep<Field, std::string>;
template <auto Field>
constexpr auto kChoice = &keep<Field, std::size_t>;
template <auto Field>
constexpr auto kBoolean = &keep<Field, bool>;

void hashes(ConfigDraft& draft, std::span<const std::size_t> chosen) {
    draft.profile.hashes.emplace();
    for (const std::size_t index : chosen) draft.profile.hashes->push_back(hash_of(index));
}

using Draft = ProfileDraft;

/// Made when first asked for: names of hashes come from another file's constants.
const std::array<ConfigKey, 12>& keys() {
    static const std::array<ConfigKey, 12> table = {{
        {"profile", "like", TextRule{1, kMaxName, kText<&Draft::like>}},
        {"profile", "rule", ChoiceRule{kRuleNames, kChoice<&Draft::rule>}},
        {"profile", "host", TextRule{1, kMaxName, kText<&Draft::host>}},
        {"profile", "page_size", SizesRule{kPageSizes, &keep<&Draft::page_size, std::uint64_t>}},
        {"profile", "order", ChoiceRule{kOrderNames, kChoice<&Draft::order>}},
        {"profile", "ripas", ChoiceRule{kRipasNames, kChoice<&Draft::ripas>}},
        {"profile", "hashes", ChoicesRule{hash_names(), hashes}},
        {"profile", "personalization", BooleanRule{kBoolean<&Draft::personalization>}},
        {"profile", "pmu", BooleanRule{kBoolean<&Draft::pmu>}},
        {"profile", "breakpoints", BooleanRule{kBoolean<&Draft::breakpoints>}},
        {"profile", "lpa2", BooleanRule{kBoolean<&Draft::lpa2>}},
        {"profile", "note", TextRule{0, kMaxNote, kText<&Draft::note>}},
    }};
    return table;
}

template <class Target, class Source>
void set(Target& target, const std::optional<Source>& source) {
    if (source) target = *source;
}

void apply(const ProfileDraft& draft, Profile& row) {
    if (draft.rule) row.rule = kRules[*draft.rule];
    if (draft.order) row.order = kOrders[*draft.order];
    if (draft.ripas) row.ripas = kRipas[*draft.ripas];
    set(row.host, draft.host);
    set(row.page_size, draft.page_size);
    set(row.hashes, draft.hashes);
    set(row.sets_personalization, draft.personalization);
    set(row.sets_pmu, draft.pmu);
    set(row.sets_breakpoints, draft.breakpoints);
    set(row.lpa2, draft.lpa2);
    row.verified = false;
}

/// Where RIPAS is measured, only what running hosts do has a closed form.
std::string_view why_impossible(const Profile& row) {
    if (row.rule != measure::Rule::kRmm1) return "";
    if (row.page_size != kPageSize4K) return "an RMM 1.0 has pages of 4K only";
    const bool gaps = row.ripas == RipasEntries::kGaps;
    if (gaps != (row.order == StepOrder::kPopulateRecsRipas))
        return "an RMM 1.0 measures \"gaps\" after population and \"whole-range\" before it";
    return "";
}

/// One table of the file under way.
struct Row {
    std::string name;
    Position position;
    ConfigDraft draft = {};
    Position like = {};  // the value's
};

class Reader {
  public:
    Reader(std::string_view name, const ProfileTable& table)
        : origin_{std::string(name), {}, true}, rows_(table.rows().begin(), table.rows().end()) {}

    Result<std::vector<Profile>> read(std::string_view text) {
        RVMM_TRY(const auto entries, read_toml(text, origin_.name));
        std::vector<Row> tables;
        for (const ConfigEntry& entry : entries) {
            if (!entry.key) RVMM_CHECK(add_table(entry, tables));
            if (entry.key) RVMM_CHECK(add_key(entry, tables));
        }
        for (const Row& row : tables) RVMM_CHECK(add_row(row));
        return std::move(rows_);
    }

  private:
    /// Names and notes are printed as they are.
    Result<> check_text(Position position, std::string_view what, std::string_view text) const {
        if (printable(text, text.size()) == text) return {};
        return origin_.refuse(position, "{} must not hold control characters", what);
    }

    Result<> add_table(const ConfigEntry& entry, std::vector<Row>& tables) const {
        if (!std::holds_alternative<ConfigValue::Table>(entry.value.data))
            return origin_.refuse(entry.position, "{} must stand in a profile's table, [\"name\"]",
                                  printable(entry.table, kShownKey));
        if (entry.table.empty() || entry.table.size() > kMaxName)
            return origin_.refuse(entry.position, "a profile's name has 1 to {} bytes", kMaxName);
        RVMM_CHECK(check_text(entry.position, "a profile's name", entry.table));
        tables.push_back({entry.table, entry.position});
        return {};
    }

    Result<> add_key(const ConfigEntry& entry, std::vector<Row>& tables) const {
        // A dotted key may name its table for the first time.
        auto row = std::ranges::find(tables, entry.table, &Row::name);
        const ConfigKey* key = find_profile_key(*entry.key);
        if (key == nullptr) return unknown(entry);
        if (row == tables.end()) row = tables.insert(row, {entry.table, entry.position});
        if (const auto* text = std::get_if<std::string>(&entry.value.data))
            RVMM_CHECK(check_text(entry.value.position, key->full_name(), *text));
        if (key->name == "like") row->like = entry.value.position;
        return store_setting({key, entry.position, entry.value, origin_}, row->draft);
    }

    static const ConfigKey* find_profile_key(std::string_view name) {
        const auto found = std::ranges::find(keys(), name, &ConfigKey::name);
        return found == keys().end() ? nullptr : &*found;
    }

    std::unexpected<Error> unknown(const ConfigEntry& entry) const {
        std::vector<std::string_view> names;
        for (const ConfigKey& key : keys()) names.push_back(key.name);
        const std::string near = did_you_mean(*entry.key, names);
        return origin_.refuse(
            entry.position, "unknown key {} of a profile{}", printable(*entry.key, kShownKey),
            !near.empty() ? near : fmt::format("; the keys are {}", fmt::join(names, ", ")));
    }

    Profile* find(std::string_view name) {
        auto found = std::ranges::find(rows_, name, &Profile::name);
        if (found == rows_.end()) found = std::ranges::find(rows_, name, &Profile::host);
        return found == rows_.end() ? nullptr : &*found;
    }

    Result<> add_row(const Row& row) {
        const ProfileDraft& draft = row.draft.profile;
        Profile* there = find(row.name);
        RVMM_TRY(Profile made, base_of(row, there));
        made.name = there != nullptr ? there->name : row.name;
        apply(draft, made);
        made.note = draft.note.value_or(
            there != nullptr && !draft.like
                ? fmt::format("changed by {}", origin_.name)
                : fmt::format("from {}, like \"{}\"", origin_.name, *draft.like));
        if (const auto why = why_impossible(made); !why.empty())
            return origin_.refuse(row.position, "profile \"{}\" cannot be: {}", row.name, why);
        if (there != nullptr)
            *there = std::move(made);
        else
            rows_.push_back(std::move(made));
        return {};
    }

    /// What the row begins as.
    Result<Profile> base_of(const Row& row, const Profile* there) {
        const auto& like = row.draft.profile.like;
        if (!like && there != nullptr) return *there;
        if (!like) {
            const std::string near = did_you_mean(row.name, names());
            return origin_.refuse(row.position,
                                  "there is no profile \"{}\"{} (a new one needs like = "
                                  "\"name of a profile\")",
                                  row.name, near);
        }
        if (const Profile* found = find(*like)) return *found;
        return origin_.refuse(row.like, "there is no profile \"{}\"{} (rvmm profiles lists them)",
                              *like, did_you_mean(*like, names()));
    }

    std::vector<std::string_view> names() const {
        std::vector<std::string_view> all;
        for (const Profile& row : rows_) {
            all.push_back(row.name);
            all.push_back(row.host);
        }
        return all;
    }

    Origin origin_;
    std::vector<Profile> rows_;
};

}  // namespace

std::span<const ConfigKey> profile_keys() {
    return keys();
}

Result<std::vector<Profile>> read_profiles(std::string_view text, std::string_view name,
                                           const ProfileTable& table) {
    return Reader(name, table).read(text);
}

Result<ProfileTable> ProfileTable::with_text(std::string_view text, std::string_view name) {
    RVMM_TRY(auto rows, read_profiles(text, name, built_in()));
    return ProfileTable(std::move(rows));
}

}  // namespace rvmm::realm
