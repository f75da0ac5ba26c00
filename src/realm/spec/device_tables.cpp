#include "realm/spec/device_tables.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace rvmm::realm {
namespace {

using Mode = ConsolePort::Mode;

constexpr std::array<std::string_view, 4> kTakenNames = {kSerialName, kRtcName, kGpioName,
                                                         kPvpanicName};

/// Locally administered, and the same everywhere: 02, "rvm", and which [[net]] it is.
MacAddress default_mac(std::size_t element) {
    return {0x02,
            'r',
            'v',
            'm',
            static_cast<std::uint8_t>(element >> 8),
            static_cast<std::uint8_t>(element)};
}

DeviceSpec default_device(const DeviceTable& table) {
    DeviceSpec device{.name = fmt::format("{}{}", table.table, table.element), .what = RngSpec{}};
    if (table.table == "disk") device.what = DiskSpec{};
    if (table.table == "net") device.what = NetSpec{.mac = default_mac(table.element)};
    if (table.table == "vsock") device.what = VsockSpec{};
    if (table.table == "console")
        device.what = ConsoleSpec{{{.mode = table.element == 0 ? Mode::kStdio : Mode::kNone}}};
    return device;
}

/// The keys of one table.
class TableKeys {
  public:
    TableKeys(const Settings& settings, const DeviceTable& table)
        : settings_(settings), table_(table) {}

    std::size_t element() const { return table_.element; }
    bool has(std::string_view name) const { return find(name) != nullptr; }
    /// Where the key stands, or the table if that lacks it.
    std::string where(std::string_view name) const {
        const Setting* setting = find(name);
        return setting == nullptr ? table_.where() : setting->where();
    }
    /// An error at the key `name`, which begins with its full name.
    std::unexpected<Error> refuse(std::string_view name, std::string_view why) const {
        return fail(Stage::kConfig, "{}: {}.{} {}", where(name), table_.table, name, why);
    }
    Result<> check_required() const {
        for (const ConfigKey& key : config_keys())
            if (key.required && key.table == table_.table && !has(key.name))
                return refuse(key.name, "is missing: it must be " + expectation(key.rule));
        return {};
    }

  private:
    const Setting* find(std::string_view name) const {
        return settings_.find(find_key(table_.table, name), table_.element);
    }
    const Settings& settings_;
    const DeviceTable& table_;
};

struct KeyCheck {
    const TableKeys& keys;

    Result<> operator()(const NetSpec& net) const {
        return net.backend == NetSpec::Backend::kTap ? tap(net) : passt(net);
    }
    Result<> operator()(const ConsoleSpec& console) const {
        const bool to_file = console.ports.front().mode == Mode::kFile;
        if (to_file && !keys.has("path"))
            return keys.refuse("mode", "\"file\" needs console.path, the file to write to");
        if (!to_file && keys.has("path"))
            return keys.refuse("path", "needs console.mode = \"file\"");
        if (keys.element() != 0 && keys.has("transport"))
            return keys.refuse("transport",
                               "belongs in the first [[console]]: all are ports of one device");
        return {};
    }
    Result<> operator()(const DiskSpec&) const { return {}; }
    Result<> operator()(const VsockSpec&) const { return {}; }
    Result<> operator()(const RngSpec&) const { return {}; }

  private:
    Result<> passt(const NetSpec& net) const {
        for (const char* name : {"tap", "tap_fd"})
            if (keys.has(name)) return keys.refuse(name, "needs net.backend = \"tap\"");
        if (net.queues > 1)
            return keys.refuse("queues", "must be 1 with passt; more need net.backend = \"tap\"");
        return {};
    }
    Result<> tap(const NetSpec& net) const {
        if (keys.has("socket"))
            return keys.refuse("socket", "is passt's: take it out, or net.backend = \"tap\"");
        if (net.tap.empty() && !net.tap_fd)
            return keys.refuse("backend",
                               "\"tap\" needs net.tap, the name of a tap interface, or "
                               "net.tap_fd");
        if (net.queues > 1 && net.tap_fd)
            return keys.refuse("queues",
                               "must be 1 with net.tap_fd, which is one queue; more need net.tap");
        return {};
    }
};

Result<> check_names(const std::vector<TableKeys>& keys, const std::vector<DeviceSpec>& devices) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
        const std::string& name = devices[i].name;
        if (std::ranges::find(kTakenNames, name) != kTakenNames.end())
            return fail(Stage::kConfig,
                        "{}: a device of the machine itself has the name \"{}\"; choose another",
                        keys[i].where("name"), name);
        const auto first = static_cast<std::size_t>(
            std::ranges::find(devices, name, &DeviceSpec::name) - devices.begin());
        if (first != i)
            return fail(Stage::kConfig, "{}: the device at {} has the name \"{}\" too; rename one",
                        keys[i].where("name"), keys[first].where("name"), name);
    }
    return {};
}

bool has_stdio(const DeviceSpec& device) {
    const auto* console = std::get_if<ConsoleSpec>(&device.what);
    return console != nullptr && console->ports.front().mode == Mode::kStdio;
}

Result<> check_stdio(const std::vector<TableKeys>& keys, const std::vector<DeviceSpec>& devices) {
    const auto first = std::ranges::find_if(devices, has_stdio);
    if (first == devices.end()) return {};
    const auto second = std::find_if(first + 1, devices.end(), has_stdio);
    if (second == devices.end()) return {};
    const auto keys_of = [&](auto device) {
        return keys[static_cast<std::size_t>(device - devices.begin())];
    };
    return keys_of(second).refuse(
        "mode", fmt::format("\"stdio\" is that of the [[console]] at {} already; give one of them "
                            "\"none\" or \"file\"",
                            keys_of(first).where("mode")));
}

/// Two writers of one image would spoil it.
Result<> check_images(const std::vector<TableKeys>& keys, const std::vector<DeviceSpec>& devices) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
        const auto* disk = std::get_if<DiskSpec>(&devices[i].what);
        if (disk == nullptr) continue;
        const auto shares = [&](const DeviceSpec& other) {
            const auto* first = std::get_if<DiskSpec>(&other.what);
            return first != nullptr && !(first->readonly && disk->readonly) &&
                   first->path.lexically_normal() == disk->path.lexically_normal();
        };
        const auto first =
            static_cast<std::size_t>(std::ranges::find_if(devices, shares) - devices.begin());
        if (first < i)
            return keys[i].refuse(
                "path", fmt::format("\"{}\" is that of the [[disk]] at {} already; give each its "
                                    "own copy, or set \"readonly = true\" for both",
                                    disk->path.native(), keys[first].where("path")));
    }
    return {};
}

}  // namespace

std::vector<DeviceSpec> default_devices(const Settings& settings) {
    std::vector<DeviceSpec> devices;
    for (const DeviceTable& table : settings.devices()) devices.push_back(default_device(table));
    return devices;
}

Result<> check_devices(const Settings& settings, const std::vector<DeviceSpec>& devices) {
    std::vector<TableKeys> keys;
    for (const DeviceTable& table : settings.devices()) keys.emplace_back(settings, table);
    for (std::size_t i = 0; i < devices.size(); ++i) {
        RVMM_CHECK(keys[i].check_required());
        RVMM_CHECK(std::visit(KeyCheck{keys[i]}, devices[i].what));
    }
    RVMM_CHECK(check_stdio(keys, devices));
    RVMM_CHECK(check_images(keys, devices));
    return check_names(keys, devices);
}

std::vector<DeviceSpec> with_one_console(std::vector<DeviceSpec> devices) {
    std::vector<DeviceSpec> joined;
    std::size_t console = SIZE_MAX;  // where it is in `joined`
    for (DeviceSpec& device : devices) {
        auto* ports = std::get_if<ConsoleSpec>(&device.what);
        if (ports != nullptr) ports->ports.front().name = device.name;
        if (ports != nullptr && console < joined.size()) {
            std::get<ConsoleSpec>(joined[console].what)
                .ports.push_back(std::move(ports->ports.front()));
            continue;
        }
        if (ports != nullptr) console = joined.size();
        joined.push_back(std::move(device));
    }
    return joined;
}

}  // namespace rvmm::realm
