#include "realm/spec/config_keys.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include "base/text.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

constexpr std::uint64_t kMemoryStep = 2ULL << 20;
constexpr std::size_t kMaxCmdline = 2047;  // arm64 Linux: COMMAND_LINE_SIZE with its NUL is 2048
constexpr std::size_t kMaxProfile = 128;
constexpr std::size_t kPersonalizationSize = sizeof(RealmParameters::personalization);

constexpr std::array<std::string_view, 5> kTables = {"machine", "boot", "realm", "host", "serial"};
constexpr std::array<std::string_view, 3> kHostKinds = {"cca", "emulated", "lab"};
constexpr std::array<std::string_view, 2> kSerialModes = {"stdio", "none"};
constexpr std::array<std::string_view, 3> kHashNames = {"sha256", "sha384", "sha512"};
constexpr std::array<measure::Hash, 3> kHashes = {measure::Hash::kSha256, measure::Hash::kSha384,
                                                  measure::Hash::kSha512};

using Realm = RealmParameters;

/// Stores a number, a string or a path in the member `Field` of the draft's member `Part`.
template <auto Part, auto Field>
void number(ConfigDraft& draft, std::uint64_t value) {
    auto& field = draft.*Part.*Field;
    field = static_cast<std::remove_reference_t<decltype(field)>>(value);
}
template <auto Part, auto Field>
void text(ConfigDraft& draft, std::string value) {
    draft.*Part.*Field = std::move(value);
}
template <auto Part, auto Field>
void file(ConfigDraft& draft, std::filesystem::path value) {
    draft.*Part.*Field = std::move(value);
}

template <auto Field>
constexpr auto kMachine = &number<&ConfigDraft::machine, Field>;
template <auto Field>
constexpr auto kRealm = &number<&ConfigDraft::realm, Field>;

void personalization(ConfigDraft& draft, ByteSpan bytes) {
    draft.realm.personalization = {};
    std::copy(bytes.begin(), bytes.end(), draft.realm.personalization.begin());
}

void expect_rim(ConfigDraft& draft, const measure::Digest& digest) {
    draft.realm.expect_rim = digest;
}

void hash(ConfigDraft& draft, std::size_t index) {
    draft.realm.hash = hash_of(index);
}

void serial_mode(ConfigDraft& draft, std::size_t index) {
    draft.serial.mode = static_cast<SerialSpec::Mode>(index);
}

void allowed_hosts(ConfigDraft& draft, std::span<const std::size_t> kinds) {
    draft.host.allow.clear();
    for (const std::size_t kind : kinds) draft.host.allow.push_back(static_cast<HostKind>(kind));
}

// clang-format off
constexpr auto kKeys = std::to_array<ConfigKey>({
    {"machine", "vcpus", IntegerRule{1, kMaxVcpus, 1, kMachine<&MachineSpec::vcpus>}},
    {"machine", "memory",
     SizeRule{kMemoryStep, kMaxMemory, kMemoryStep, kMachine<&MachineSpec::memory>}},

    {"boot", "kernel", PathRule{file<&ConfigDraft::boot, &BootSpec::kernel>}, true},
    {"boot", "initrd", PathRule{file<&ConfigDraft::boot, &BootSpec::initrd>}},
    {"boot", "cmdline", TextRule{0, kMaxCmdline, text<&ConfigDraft::boot, &BootSpec::cmdline>}},

    {"realm", "ipa_bits", IntegerRule{32, 48, 1, kRealm<&Realm::ipa_bits>}},
    {"realm", "hash", ChoiceRule{kHashNames, hash}},
    {"realm", "personalization", HexRule{kPersonalizationSize, personalization}, false,
     "personalization_file"},
    {"realm", "personalization_file", ContentsRule{kPersonalizationSize, personalization}, false,
     "personalization"},
    {"realm", "sve_vl", IntegerRule{0, 2048, 128, kRealm<&Realm::sve_vl>}},
    {"realm", "pmu_counters", IntegerRule{0, 31, 1, kRealm<&Realm::pmu_counters>}},
    {"realm", "breakpoints", IntegerRule{2, 64, 1, kRealm<&Realm::breakpoints>}},
    {"realm", "watchpoints", IntegerRule{2, 64, 1, kRealm<&Realm::watchpoints>}},
    {"realm", "profile", TextRule{1, kMaxProfile, text<&ConfigDraft::realm, &Realm::profile>}},
    {"realm", "expect_rim", DigestRule{expect_rim}},

    {"host", "allow", ChoicesRule{kHostKinds, allowed_hosts}},

    {"serial", "mode", ChoiceRule{kSerialModes, serial_mode}},
});
// clang-format on

std::string quoted_list(std::span<const std::string_view> names) {
    std::vector<std::string> quoted;
    for (const std::string_view name : names) quoted.push_back(fmt::format("\"{}\"", name));
    return fmt::format("{}", fmt::join(quoted, ", "));
}

std::vector<std::string_view> key_names(std::optional<std::string_view> table) {
    std::vector<std::string_view> names;
    for (const ConfigKey& key : kKeys)
        if (!table || key.table == *table) names.push_back(key.name);
    return names;
}

/// The full name of the key that `name` probably is: of `table`, else of any table.
std::optional<std::string> nearest_key(std::string_view table, std::string_view name) {
    if (const auto near = nearest(name, key_names(table)))
        return find_key(table, *near)->full_name();
    const auto near = nearest(name, key_names(std::nullopt));
    if (!near) return std::nullopt;
    return std::find_if(kKeys.begin(), kKeys.end(),
                        [&](const ConfigKey& key) { return key.name == *near; })
        ->full_name();
}

struct Expectation {
    std::string operator()(const IntegerRule& rule) const {
        const std::string steps = rule.step == 1 ? "" : fmt::format(" in steps of {}", rule.step);
        return fmt::format("a whole number from {} to {}{}", rule.min, rule.max, steps);
    }
    std::string operator()(const SizeRule& rule) const {
        return fmt::format("a size from {} to {} in steps of {}, such as \"512M\"",
                           format_size(rule.min), format_size(rule.max), format_size(rule.step));
    }
    std::string operator()(const SizesRule& rule) const {
        std::vector<std::string> sizes;
        for (const std::uint64_t size : rule.sizes) sizes.push_back(format_size(size));
        return fmt::format("one of the sizes {}", fmt::join(sizes, ", "));
    }
    std::string operator()(const BooleanRule&) const { return "true or false"; }
    std::string operator()(const TextRule& rule) const {
        if (rule.min_bytes == 0) return fmt::format("a string of up to {} bytes", rule.max_bytes);
        return fmt::format("a string of {} to {} bytes", rule.min_bytes, rule.max_bytes);
    }
    std::string operator()(const PathRule&) const { return "the path of a file"; }
    std::string operator()(const ChoiceRule& rule) const {
        return "one of " + quoted_list(rule.names);
    }
    std::string operator()(const ChoicesRule& rule) const {
        return "an array of one or more of " + quoted_list(rule.names);
    }
    std::string operator()(const HexRule& rule) const {
        return fmt::format("a string of up to {} hex digits, two for each byte",
                           2 * rule.max_bytes);
    }
    std::string operator()(const DigestRule&) const { return "64, 96 or 128 hex digits"; }
    std::string operator()(const ContentsRule& rule) const {
        return fmt::format("the path of a file of 1 to {} bytes", rule.max_bytes);
    }
};

}  // namespace

std::string ConfigKey::full_name() const {
    return fmt::format("{}.{}", table, name);
}

bool ConfigKey::takes_text() const {
    return !std::holds_alternative<IntegerRule>(rule) && !std::holds_alternative<SizeRule>(rule) &&
           !std::holds_alternative<SizesRule>(rule) && !std::holds_alternative<BooleanRule>(rule) &&
           !std::holds_alternative<ChoicesRule>(rule);
}

std::span<const ConfigKey> config_keys() {
    return kKeys;
}

const ConfigKey* find_key(std::string_view table, std::string_view name) {
    for (const ConfigKey& key : kKeys)
        if (key.table == table && key.name == name) return &key;
    return nullptr;
}

bool is_table(std::string_view name) {
    return std::find(kTables.begin(), kTables.end(), name) != kTables.end();
}

std::string expectation(const Rule& rule) {
    return std::visit(Expectation{}, rule);
}

std::string unknown_key(std::string_view table, std::string_view name) {
    const std::string what =
        fmt::format("unknown key {}.{}", printable(table, kShownKey), printable(name, kShownKey));
    if (const auto near = nearest_key(table, name))
        return fmt::format("{}; did you mean {}?", what, *near);
    return fmt::format("{}; the keys of [{}] are {}", what, table,
                       fmt::join(key_names(table), ", "));
}

std::string unknown_table(std::string_view name) {
    const std::string what = fmt::format("unknown table [{}]", printable(name, kShownKey));
    if (const auto near = nearest(name, kTables))
        return fmt::format("{}; did you mean [{}]?", what, *near);
    if (const auto near = nearest_key({}, name))
        return fmt::format("{}; did you mean the key {}?", what, *near);
    return fmt::format("{}; the tables are {}", what, fmt::join(kTables, ", "));
}

std::string did_you_mean(std::string_view wrong, std::span<const std::string_view> names) {
    const auto near = nearest(wrong, names);
    return near ? fmt::format("; did you mean \"{}\"?", *near) : std::string();
}

std::span<const std::string_view> hash_names() {
    return kHashNames;
}

measure::Hash hash_of(std::size_t index) {
    return kHashes[index];
}

std::span<const std::string_view> host_kind_names() {
    return kHostKinds;
}

}  // namespace rvmm::realm
