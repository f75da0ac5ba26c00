#include "realm/spec/realm_spec.hpp"

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "realm/spec/config_settings.hpp"
#include "realm/spec/device_tables.hpp"

namespace rvmm::realm {
namespace {

constexpr std::uint64_t kMaxConfigSize = 1ULL << 20;

Result<> check_required(const Origin& origin, const Settings& settings) {
    for (const ConfigKey& key : config_keys())
        if (key.required && !is_device(key.table) && settings.find(&key) == nullptr)
            return fail(Stage::kConfig, "{}: {} is missing: it must be {}",
                        origin.where(settings.boot_table()), key.full_name(),
                        expectation(key.rule));
    return {};
}

Result<RealmSpec> make_spec(const std::filesystem::path& source, const Settings& settings,
                            bool is_realm) {
    ConfigDraft draft;
    draft.devices = default_devices(settings);
    for (const Setting& setting : settings.list()) {
        draft.device = settings.device_of(setting);
        RVMM_CHECK(store_setting(setting, draft));
    }
    RVMM_CHECK(check_devices(settings, draft.devices));
    if (draft.host.allow.empty()) draft.host.allow = {is_realm ? HostKind::kCca : HostKind::kLab};
    return RealmSpec{source,
                     draft.machine,
                     std::move(draft.boot),
                     is_realm ? std::optional(std::move(draft.realm)) : std::nullopt,
                     std::move(draft.host),
                     draft.serial,
                     with_one_console(std::move(draft.devices)),
                     std::move(draft.attestation)};
}

}  // namespace

std::string_view to_string(HostKind kind) {
    return host_kind_names()[static_cast<std::size_t>(kind)];
}

bool uses_stdio(const RealmSpec& spec) {
    const auto on_stdio = [](const ConsolePort& port) {
        return port.mode == ConsolePort::Mode::kStdio;
    };
    return spec.serial.mode == SerialSpec::Mode::kStdio ||
           std::ranges::any_of(spec.devices, [&](const DeviceSpec& device) {
               const auto* console = std::get_if<ConsoleSpec>(&device.what);
               return console != nullptr && std::ranges::any_of(console->ports, on_stdio);
           });
}

Result<RealmSpec> parse_config(std::string_view text, const std::filesystem::path& source,
                               const ConfigOptions& options) {
    const Origin file{source.string(), source.parent_path(), true};
    Settings settings;
    RVMM_CHECK(settings.add_file(text, file));
    for (const std::string& option : options.overrides) RVMM_CHECK(settings.add_override(option));
    RVMM_TRY(auto spec, make_spec(source, settings, options.force_realm || settings.has_realm()));
    RVMM_CHECK(check_required(file, settings));
    return spec;
}

Result<RealmSpec> load_config(const std::filesystem::path& path, const ConfigOptions& options) {
    RVMM_TRY(const Bytes bytes, read_file("config", path, kMaxConfigSize));
    return parse_config({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, options);
}

}  // namespace rvmm::realm
