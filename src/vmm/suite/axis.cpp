#include "vmm/suite/axis.hpp"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "base/text.hpp"
#include "realm/spec/write_config.hpp"
#include "vmm/suite/test_spec.hpp"

namespace rvmm::vmm::suite {
namespace {

using realm::ConfigValue;

constexpr std::size_t kMostValues = 1000;
constexpr std::size_t kShownValue = 60;  // bytes, in the name of a case
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kShortNames = {
    {{"host", ""},
     {"vcpus", "machine.vcpus"},
     {"memory", "machine.memory"},
     {"profile", "realm.profile"}}};

bool takes_path(const realm::ConfigKey& key) {
    return std::holds_alternative<realm::PathRule>(key.rule) ||
           std::holds_alternative<realm::ContentsRule>(key.rule) ||
           std::holds_alternative<realm::KeyRule>(key.rule);
}

/// The value in TOML on one line; nothing for what no key takes.
std::optional<std::string> spell(const ConfigValue& value) {
    if (const auto* text = std::get_if<std::string>(&value.data)) return realm::toml_string(*text);
    if (const auto* integer = std::get_if<std::int64_t>(&value.data))
        return std::to_string(*integer);
    if (const auto* boolean = std::get_if<bool>(&value.data)) return *boolean ? "true" : "false";
    const auto* list = std::get_if<ConfigValue::List>(&value.data);
    if (list == nullptr) return std::nullopt;
    std::vector<std::string> elements;
    for (const ConfigValue& element : *list) {
        auto text = spell(element);
        if (!text) return std::nullopt;
        elements.push_back(*std::move(text));
    }
    return fmt::format("[{}]", fmt::join(elements, ", "));
}

/// As people say it in a name: text without its quotes.
std::string in_a_name(const ConfigValue& value) {
    const auto* text = std::get_if<std::string>(&value.data);
    return realm::printable(text != nullptr ? *text : spell(value).value_or(""), kShownValue);
}

std::string unknown_axis(std::string_view name) {
    std::vector<std::string> keys;
    keys.reserve(std::size(kShortNames) + realm::config_keys().size());
    for (const auto& [known, key] : kShortNames) keys.emplace_back(known);
    for (const realm::ConfigKey& key : realm::config_keys()) keys.push_back(key.full_name());
    const std::vector<std::string_view> names(keys.begin(), keys.end());
    const std::string what =
        fmt::format("unknown key vary.{}", realm::printable(name, realm::kShownKey));
    if (const auto near = nearest(name, names)) {
        const bool quoted = near->find('.') != std::string_view::npos;
        return fmt::format("{}; did you mean {}?", what,
                           quoted ? fmt::format("\"{}\"", *near) : std::string(*near));
    }
    return what +
           "; it is vcpus, memory, host, profile, or a key of the config in quotes, such as "
           "\"boot.cmdline\"";
}

/// The key of the config that varies; empty: it is the host.
Result<std::string> key_of(const realm::ConfigEntry& entry, const realm::Origin& origin) {
    const std::string& name = *entry.key;
    const auto* known =
        std::ranges::find(kShortNames, name, &decltype(kShortNames)::value_type::first);
    if (known != kShortNames.end()) return std::string(known->second);
    const std::string where = origin.where(entry.position);
    if (std::holds_alternative<ConfigValue::Table>(entry.value.data))
        return fail(Stage::kConfig, "{}: a key of the config needs quotes here: \"{}.key\" = [...]",
                    where, realm::printable(name, realm::kShownKey));
    if (named_key(name) == nullptr)
        return fail(Stage::kConfig, "{}: {}", where, unknown_axis(name));
    return name;
}

Result<Axis::Value> host_value(const ConfigValue& value, const realm::Origin& origin) {
    const auto* name = std::get_if<std::string>(&value.data);
    const auto host = name == nullptr ? std::nullopt : test_host(*name);
    if (host) return Axis::Value{*name, {}, host};
    return fail(Stage::kConfig, "{}: a host is \"cca\", \"emulated\", \"lab\" or \"vm\", not {}",
                origin.where(value.position), show(value));
}

Result<Axis::Value> key_value(const Axis& axis, const ConfigValue& value,
                              const realm::Origin& origin) {
    ConfigValue settled = value;
    if (auto* text = std::get_if<std::string>(&settled.data);
        text != nullptr && takes_path(*named_key(axis.key)))
        *text = (origin.folder / *text).native();
    const auto spelt = spell(settled);
    if (!spelt)
        return fail(Stage::kConfig, "{}: no key takes {}", origin.where(value.position),
                    show(value));
    return Axis::Value{in_a_name(value), fmt::format("{}={}", axis.key, *spelt)};
}

}  // namespace

const realm::ConfigKey* named_key(std::string_view full_name) {
    const std::size_t dot = std::min(full_name.find('.'), full_name.size());
    const std::string_view table = full_name.substr(0, dot);
    std::string_view rest = full_name.substr(std::min(dot + 1, full_name.size()));
    if (realm::find_list(table) != nullptr) {
        const std::size_t end = std::min(rest.find('.'), rest.size());
        if (!parse_unsigned(rest.substr(0, end))) return nullptr;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return realm::find_key(table, rest);
}

std::expected<std::string, std::string> settle(std::string_view text,
                                               const std::filesystem::path& folder) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
        return std::unexpected("expected table.key=value, such as \"machine.memory=1G\"");
    const std::string_view name = text.substr(0, equals);
    const std::string_view table = name.substr(0, name.find('.'));
    const realm::ConfigKey* key = named_key(name);
    if (key == nullptr && realm::find_list(table) != nullptr)
        return std::unexpected(
            fmt::format("a key of {} is named {}.0.key", realm::heading(table), table));
    if (key == nullptr)
        return std::unexpected(
            realm::is_table(table)
                ? realm::unknown_key(table, name.substr(std::min(table.size() + 1, name.size())))
                : realm::unknown_table(table));
    if (!takes_path(*key)) return std::string(text);
    const auto value = realm::read_toml_value(text.substr(equals + 1));
    const auto* quoted = value ? std::get_if<std::string>(&value->data) : nullptr;
    const std::filesystem::path path(quoted != nullptr ? *quoted
                                                       : std::string(text.substr(equals + 1)));
    return fmt::format("{}={}", name, realm::toml_string((folder / path).native()));
}

Result<Axis> Axis::make(const realm::ConfigEntry& entry, const realm::Origin& origin) {
    RVMM_TRY(std::string key, key_of(entry, origin));
    Axis axis{.name = *entry.key, .key = std::move(key), .values = {}};
    const auto* list = std::get_if<ConfigValue::List>(&entry.value.data);
    if (list == nullptr || list->empty() || list->size() > kMostValues)
        return fail(Stage::kConfig, "{}: vary.{} must be an array of 1 to {} values, not {}",
                    origin.where(entry.value.position), axis.name, kMostValues,
                    list != nullptr && !list->empty() ? fmt::format("of {}", list->size())
                                                      : show(entry.value));
    for (const ConfigValue& element : *list) {
        RVMM_TRY(Value value,
                 axis.key.empty() ? host_value(element, origin) : key_value(axis, element, origin));
        if (std::ranges::any_of(axis.values, [&](const Value& other) {
                return other.setting == value.setting && other.host == value.host;
            }))
            return fail(Stage::kConfig, "{}: {} is there twice", origin.where(element.position),
                        show(element));
        axis.values.push_back(std::move(value));
    }
    return axis;
}

}  // namespace rvmm::vmm::suite
