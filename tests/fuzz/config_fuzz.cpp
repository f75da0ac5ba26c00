// Configs and overrides from anyone. The input is a config; each line that starts with "--set " is
// taken out of it and is an override.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "realm/spec/realm_spec.hpp"
#include "realm/spec/write_config.hpp"

namespace {

using rvmm::realm::ConfigOptions;
using rvmm::realm::ConsolePort;
using rvmm::realm::ConsoleSpec;
using rvmm::realm::DeviceSpec;
using rvmm::realm::DiskSpec;
using rvmm::realm::NetSpec;
using rvmm::realm::RealmSpec;
using rvmm::realm::RngSpec;
using rvmm::realm::VsockSpec;

void require(bool condition) {
    if (!condition) std::abort();
}

std::string take_overrides(std::string_view input, ConfigOptions& options) {
    static constexpr std::string_view kMark = "--set ";
    std::string text;
    while (!input.empty()) {
        const std::size_t length = std::min(input.find('\n'), input.size() - 1) + 1;
        std::string_view line = input.substr(0, length);
        input.remove_prefix(length);
        if (line.starts_with(kMark)) {
            line.remove_prefix(kMark.size());
            if (line.ends_with('\n')) line.remove_suffix(1);
            options.overrides.emplace_back(line);
        } else {
            text += line;
        }
    }
    return text;
}

struct DeviceCheck {
    void operator()(const DiskSpec& disk) const {
        require(!disk.path.empty() && disk.serial.size() <= 20);
        require(disk.queues >= 1 && disk.queues <= 16);
    }
    void operator()(const NetSpec& net) const {
        const bool on_tap = net.backend == NetSpec::Backend::kTap;
        require(on_tap == (!net.tap.empty() || net.tap_fd) && !(on_tap && net.socket));
        require(net.tap.empty() || !net.tap_fd);
        require(net.tap.size() <= 15 && net.tap_fd.value_or(3) >= 3);
        require(net.mtu == 0 || net.mtu >= 68);
        require(net.queues >= 1 && net.queues <= (net.tap.empty() ? 1 : 8));
        require((net.mac[0] & 1U) == 0);
    }
    void operator()(const VsockSpec& vsock) const {
        require(vsock.cid >= 3 && vsock.cid != UINT32_MAX && !vsock.path.empty());
    }
    void operator()(const RngSpec&) const {}
    void operator()(const ConsoleSpec& console) const {
        using Mode = ConsolePort::Mode;
        require(!console.ports.empty() && console.ports.size() <= rvmm::realm::kMaxConsolePorts);
        require(std::ranges::count(console.ports, Mode::kStdio, &ConsolePort::mode) <= 1);
        for (const ConsolePort& port : console.ports)
            require(port.path.has_value() == (port.mode == Mode::kFile));
    }
};

void check_devices(const RealmSpec& spec) {
    std::set<std::string> names;
    for (const DeviceSpec& device : spec.devices) {
        std::visit(DeviceCheck(), device.what);
        const auto* console = std::get_if<ConsoleSpec>(&device.what);
        if (console == nullptr) require(names.insert(device.name).second);
        if (console == nullptr) continue;
        require(device.name == console->ports.front().name);
        for (const ConsolePort& port : console->ports) require(names.insert(port.name).second);
    }
    for (const std::string& name : names) require(!name.empty() && name.size() <= 32);
}

/// What is written is read back as the same, but for what no config can hold: the bytes of an
/// override, a path that has become too long.
void check_written(const RealmSpec& spec) {
    const std::string text = rvmm::realm::write_config(spec, "kernel", std::nullopt);
    const auto back = rvmm::realm::parse_config(text, "image.cfg", {});
    require(back && back->devices == spec.devices && back->machine == spec.machine);
}

void check_ranges(const RealmSpec& spec) {
    require(spec.machine.vcpus >= 1 && spec.machine.vcpus <= rvmm::realm::kMaxVcpus);
    require(spec.machine.memory >= 2U << 20 && spec.machine.memory <= rvmm::realm::kMaxMemory);
    require(spec.machine.memory % (2U << 20) == 0);
    require(!spec.boot.kernel.empty() && spec.boot.cmdline.size() <= 2047);
    require(spec.boot.cmdline.find('\0') == std::string::npos);
    require(!spec.host.allow.empty() && spec.host.allow.size() <= 3);
    if (!spec.realm) return;
    require(spec.realm->ipa_bits >= 32 && spec.realm->ipa_bits <= 48);
    require(spec.realm->sve_vl <= 2048 && spec.realm->sve_vl % 128 == 0);
    require(spec.realm->pmu_counters <= 31);
    require(spec.realm->breakpoints >= 2 && spec.realm->breakpoints <= 64);
    require(spec.realm->watchpoints >= 2 && spec.realm->watchpoints <= 64);
    require(!spec.realm->profile.empty() && spec.realm->profile.size() <= 128);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    ConfigOptions options;
    options.force_realm = size % 2 != 0;
    const std::string text = take_overrides(input, options);
    const auto spec = rvmm::realm::parse_config(text, "no-such-folder/image.cfg", options);
    const auto again = rvmm::realm::parse_config(text, "no-such-folder/image.cfg", options);
    require(spec.has_value() == again.has_value());
    if (spec) {
        require(*spec == *again);
        check_ranges(*spec);
        check_devices(*spec);
        if (options.overrides.empty() && size < 4000) check_written(*spec);
        require(spec->realm.has_value() || !options.force_realm);
    } else {
        const std::string& message = spec.error().message();
        require(message == again.error().message());
        require(!message.empty() && message.find('\n') == std::string::npos);
        require(message.starts_with("no-such-folder/image.cfg:") || message.starts_with("--set "));
        require(spec.error().stage() != rvmm::Stage::kInternal);
    }
    return 0;
}
