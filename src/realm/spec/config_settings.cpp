#include "realm/spec/config_settings.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kShownOverride = 200;
constexpr std::string_view kRngTable = "rng";

std::unexpected<Error> no_list(const ConfigEntry& entry, const Origin& origin) {
    return fail(Stage::kConfig, "{}: {} must be tables in an array, {}, not {}",
                origin.where(entry.position), entry.table, heading(entry.table), show(entry.value));
}

bool is_plain_table(const ConfigValue& value) {
    return std::holds_alternative<ConfigValue::Table>(value.data);
}

/// What an override names, "machine.vcpus" or "disk.0.path".
struct Overridden {
    const ConfigKey* key;
    std::size_t element = 0;
};

/// `rest` is what follows the name of `list`: "0.path".
Result<Overridden> overridden_in_list(const ConfigList& list, std::string_view rest,
                                      std::size_t count, const Origin& origin) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const auto element = parse_unsigned(rest.substr(0, dot));
    const std::string_view name = element ? rest.substr(std::min(dot + 1, rest.size())) : rest;
    const ConfigKey* key = find_key(list.table, name);
    if (name.empty())
        return fail(Stage::kConfig, "{}: expected {}.number.key=value, such as {}.0.name=a",
                    origin.name, list.table, list.table);
    if (key == nullptr)
        return fail(Stage::kConfig, "{}: {}", origin.name, unknown_key(list.table, name));
    if (!element)
        return fail(Stage::kConfig, "{}: {} is a list: say which one, such as {}.0.{}", origin.name,
                    list.table, list.table, name);
    if (count == 0)
        return fail(Stage::kConfig, "{}: there is no {}.{}: the file has no {}", origin.name,
                    list.table, *element, heading(list.table));
    if (*element >= count)
        return fail(Stage::kConfig, "{}: there is no {}.{}: the file has {} {}, counted from 0",
                    origin.name, list.table, *element, count, heading(list.table));
    return Overridden{key, *element};
}

Result<Overridden> overridden_key(std::string_view text, const Settings& settings,
                                  const Origin& origin) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const std::string_view table = text.substr(0, dot);
    const std::string_view rest = text.substr(std::min(dot + 1, text.size()));
    if (const ConfigList* list = find_list(table)) {
        const auto count = std::ranges::count(settings.devices(), table, &DeviceTable::table);
        return overridden_in_list(*list, rest, static_cast<std::size_t>(count), origin);
    }
    if (const ConfigKey* key = find_key(table, rest)) return Overridden{key};
    return fail(Stage::kConfig, "{}: {}", origin.name,
                is_table(table) ? unknown_key(table, rest) : unknown_table(table));
}

/// Quotes around text are optional: a shell has taken away one pair of them already.
ConfigValue overriding_value(const ConfigKey& key, std::string_view text) {
    auto value = read_toml_value(text);
    if (value && (!key.takes_text() || std::holds_alternative<std::string>(value->data)))
        return *std::move(value);
    return ConfigValue{std::string(text), {}};
}

}  // namespace

Result<> Settings::add_table(const ConfigEntry& entry, const Origin& origin) {
    const std::string where = origin.where(entry.position);
    if (!is_table(entry.table))
        return fail(Stage::kConfig, "{}: {}", where, unknown_table(entry.table));
    if (const ConfigList* list = find_list(entry.table)) return add_list(entry, *list, origin);
    if (!is_plain_table(entry.value))
        return fail(Stage::kConfig, "{}: {} must be a table, {}, not {}", where, entry.table,
                    heading(entry.table), show(entry.value));
    if (entry.table == "realm") has_realm_ = true;
    if (entry.table == "boot") boot_table_ = entry.position;
    if (entry.table == kRngTable) devices_.push_back({kRngTable, 0, entry.position, origin});
    return {};
}

Result<> Settings::add_list(const ConfigEntry& entry, const ConfigList& list,
                            const Origin& origin) {
    const auto* tables = std::get_if<ConfigValue::List>(&entry.value.data);
    if (tables == nullptr || !std::ranges::all_of(*tables, is_plain_table))
        return no_list(entry, origin);
    if (tables->size() > list.max)
        return fail(Stage::kConfig, "{}: a machine has room for {} {}",
                    origin.where((*tables)[list.max].position), list.max, heading(list.table));
    for (std::size_t i = 0; i < tables->size(); ++i)
        devices_.push_back({list.table, i, (*tables)[i].position, origin});
    return {};
}

Result<> Settings::add_key(const ConfigEntry& entry, std::string_view name, const Origin& origin) {
    const std::string where = origin.where(entry.position);
    const std::size_t element = entry.element.value_or(0);
    const ConfigKey* key = find_key(entry.table, name);
    if (key == nullptr)
        return fail(Stage::kConfig, "{}: {}", where, unknown_key(entry.table, name));
    if (key->excludes != nullptr && find(find_key(key->table, key->excludes), element) != nullptr)
        return fail(Stage::kConfig, "{}: {} and {}.{} cannot both be given", where,
                    key->full_name(), key->table, key->excludes);
    list_.push_back({key, entry.position, entry.value, origin, element});
    return {};
}

Result<> Settings::add_file(std::string_view text, const Origin& origin) {
    RVMM_TRY(const auto entries, read_toml(text, origin.name));
    for (const ConfigEntry& entry : entries)
        RVMM_CHECK(entry.key ? add_key(entry, *entry.key, origin) : add_table(entry, origin));
    std::ranges::sort(devices_, {}, [](const DeviceTable& device) {
        return std::pair(device.position.line, device.position.column);
    });
    return {};
}

Result<> Settings::add_override(std::string_view text) {
    const Origin origin{"--set " + printable(text, kShownOverride), {}, false};
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || is_table(text.substr(0, equals)))
        return fail(Stage::kConfig, "{}: expected table.key=value, such as machine.memory=1G",
                    origin.name);
    RVMM_TRY(const Overridden named, overridden_key(text.substr(0, equals), *this, origin));
    const ConfigKey& key = *named.key;
    erase(&key, named.element);
    if (key.excludes != nullptr) erase(find_key(key.table, key.excludes), named.element);
    if (key.table == "realm") has_realm_ = true;
    if (key.table == kRngTable &&
        std::ranges::find(devices_, kRngTable, &DeviceTable::table) == devices_.end())
        devices_.push_back({kRngTable, 0, {}, origin});
    list_.push_back(
        {&key, {}, overriding_value(key, text.substr(equals + 1)), origin, named.element});
    return {};
}

const Setting* Settings::find(const ConfigKey* key, std::size_t element) const {
    const auto found = std::ranges::find_if(list_, [&](const Setting& setting) {
        return setting.key == key && setting.element == element;
    });
    return found == list_.end() ? nullptr : &*found;
}

std::size_t Settings::device_of(const Setting& setting) const {
    const auto found = std::ranges::find_if(devices_, [&](const DeviceTable& device) {
        return device.table == setting.key->table && device.element == setting.element;
    });
    return static_cast<std::size_t>(found - devices_.begin());
}

void Settings::erase(const ConfigKey* key, std::size_t element) {
    std::erase_if(list_, [&](const Setting& setting) {
        return setting.key == key && setting.element == element;
    });
}

}  // namespace rvmm::realm
