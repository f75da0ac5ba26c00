#include "realm/spec/realm_spec.hpp"

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "realm/spec/config_check.hpp"
#include "realm/spec/config_keys.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

constexpr std::uint64_t kMaxConfigSize = 1ULL << 20;
constexpr std::size_t kShownOverride = 200;

/// What the file and the overrides say together, each key at most once and not yet checked.
struct Settings {
    std::vector<Setting> list;
    bool has_realm = false;
    Position boot_table;

    bool has(const ConfigKey* key) const {
        return std::any_of(list.begin(), list.end(),
                           [&](const Setting& setting) { return setting.key == key; });
    }
    void erase(const ConfigKey* key) {
        std::erase_if(list, [&](const Setting& setting) { return setting.key == key; });
    }
};

Result<> add_table(const ConfigEntry& entry, const Origin& origin, Settings& settings) {
    const std::string where = origin.where(entry.position);
    if (!is_table(entry.table))
        return fail(Stage::kConfig, "{}: {}", where, unknown_table(entry.table));
    if (!std::holds_alternative<ConfigValue::Table>(entry.value.data))
        return fail(Stage::kConfig, "{}: {} must be a table, [{}], not {}", where, entry.table,
                    entry.table, show(entry.value));
    if (entry.table == "realm") settings.has_realm = true;
    if (entry.table == "boot") settings.boot_table = entry.position;
    return {};
}

Result<> add_key(const ConfigEntry& entry, std::string_view name, const Origin& origin,
                 Settings& settings) {
    const std::string where = origin.where(entry.position);
    const ConfigKey* key = find_key(entry.table, name);
    if (key == nullptr)
        return fail(Stage::kConfig, "{}: {}", where, unknown_key(entry.table, name));
    if (key->excludes != nullptr && settings.has(find_key(key->table, key->excludes)))
        return fail(Stage::kConfig, "{}: {} and {}.{} cannot both be given", where,
                    key->full_name(), key->table, key->excludes);
    settings.list.push_back({key, entry.position, entry.value, origin});
    return {};
}

Result<> add_file(std::string_view text, const Origin& origin, Settings& settings) {
    RVMM_TRY(const auto entries, read_toml(text, origin.name));
    for (const ConfigEntry& entry : entries)
        RVMM_CHECK(entry.key ? add_key(entry, *entry.key, origin, settings)
                             : add_table(entry, origin, settings));
    return {};
}

/// The key that an override names, "machine.vcpus".
Result<const ConfigKey*> overridden_key(std::string_view name, const Origin& origin) {
    const std::size_t dot = name.find('.');
    const std::string_view table = name.substr(0, dot);
    const std::string_view last = dot == std::string_view::npos ? "" : name.substr(dot + 1);
    const ConfigKey* key = find_key(table, last);
    if (key != nullptr) return key;
    return fail(Stage::kConfig, "{}: {}", origin.name,
                is_table(table) ? unknown_key(table, last) : unknown_table(table));
}

/// Quotes around text are optional: a shell has taken away one pair of them already.
ConfigValue overriding_value(const ConfigKey& key, std::string_view text) {
    auto value = read_toml_value(text);
    if (value && (!key.takes_text() || std::holds_alternative<std::string>(value->data)))
        return *std::move(value);
    return ConfigValue{std::string(text), {}};
}

Result<> add_override(std::string_view text, Settings& settings) {
    const Origin origin{"--set " + printable(text, kShownOverride), {}, false};
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || is_table(text.substr(0, equals)))
        return fail(Stage::kConfig, "{}: expected table.key=value, such as machine.memory=1G",
                    origin.name);
    RVMM_TRY(const ConfigKey* key, overridden_key(text.substr(0, equals), origin));
    settings.erase(key);
    if (key->excludes != nullptr) settings.erase(find_key(key->table, key->excludes));
    if (key->table == "realm") settings.has_realm = true;
    settings.list.push_back({key, {}, overriding_value(*key, text.substr(equals + 1)), origin});
    return {};
}

Result<> check_required(const Origin& origin, const Settings& settings) {
    for (const ConfigKey& key : config_keys())
        if (key.required && !settings.has(&key))
            return fail(Stage::kConfig, "{}: {} is missing: it must be {}",
                        origin.where(settings.boot_table), key.full_name(), expectation(key.rule));
    return {};
}

Result<RealmSpec> make_spec(const std::filesystem::path& source, const Settings& settings,
                            bool is_realm) {
    ConfigDraft draft;
    for (const Setting& setting : settings.list) RVMM_CHECK(store_setting(setting, draft));
    if (draft.host.allow.empty()) draft.host.allow = {is_realm ? HostKind::kCca : HostKind::kLab};
    return RealmSpec{source,
                     draft.machine,
                     std::move(draft.boot),
                     is_realm ? std::optional(std::move(draft.realm)) : std::nullopt,
                     std::move(draft.host),
                     draft.serial};
}

}  // namespace

std::string_view to_string(HostKind kind) {
    return host_kind_names()[static_cast<std::size_t>(kind)];
}

Result<RealmSpec> parse_config(std::string_view text, const std::filesystem::path& source,
                               const ConfigOptions& options) {
    const Origin file{source.string(), source.parent_path(), true};
    Settings settings;
    RVMM_CHECK(add_file(text, file, settings));
    for (const std::string& option : options.overrides) RVMM_CHECK(add_override(option, settings));
    RVMM_TRY(auto spec, make_spec(source, settings, options.force_realm || settings.has_realm));
    RVMM_CHECK(check_required(file, settings));
    return spec;
}

Result<RealmSpec> load_config(const std::filesystem::path& path, const ConfigOptions& options) {
    RVMM_TRY(const Bytes bytes, read_file("config", path, kMaxConfigSize));
    return parse_config({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, options);
}

}  // namespace rvmm::realm
