#include "realm/spec/write_config.hpp"

#include "base/bytes.hpp"

namespace rvmm::realm {
namespace {

std::string line(std::string_view key, const std::filesystem::path& path) {
    return fmt::format("{} = {}\n", key, toml_string(path.native()));
}

std::string port_keys(const ConsolePort& port) {
    return fmt::format("mode = \"{}\"\n", to_string(port.mode)) +
           (port.path ? line("path", *port.path) : "");
}

struct DeviceWriter {
    const DeviceSpec& device;

    std::string operator()(const DiskSpec& disk) const {
        return begin("[[disk]]") + line("path", disk.path) +
               fmt::format("readonly = {}\nserial = {}\nqueues = {}\n", disk.readonly,
                           toml_string(disk.serial), disk.queues);
    }
    std::string operator()(const NetSpec& net) const {
        std::string text =
            begin("[[net]]") + fmt::format("backend = \"{}\"\nmac = \"{}\"\n",
                                           to_string(net.backend), to_string(net.mac));
        if (!net.tap.empty()) text += fmt::format("tap = {}\n", toml_string(net.tap));
        if (net.tap_fd) text += fmt::format("tap_fd = {}\n", *net.tap_fd);
        if (net.socket) text += line("socket", *net.socket);
        if (net.mtu != 0) text += fmt::format("mtu = {}\n", net.mtu);
        return text + fmt::format("queues = {}\n", net.queues);
    }
    std::string operator()(const VsockSpec& vsock) const {
        return begin("[[vsock]]") + fmt::format("cid = {}\n", vsock.cid) + line("path", vsock.path);
    }
    std::string operator()(const RngSpec&) const {
        return fmt::format("[rng]\ntransport = \"{}\"\n", to_string(device.transport));
    }
    std::string operator()(const ConsoleSpec& console) const {
        std::string text;
        for (const ConsolePort& port : console.ports)
            text += (text.empty() ? begin("[[console]]")
                                  : fmt::format("[[console]]\nname = \"{}\"\n", port.name)) +
                    port_keys(port);
        return text;
    }

  private:
    std::string begin(std::string_view heading) const {
        return fmt::format("{}\nname = \"{}\"\ntransport = \"{}\"\n", heading, device.name,
                           to_string(device.transport));
    }
};

std::string realm_table(const RealmParameters& realm) {
    return fmt::format(
        "[realm]\n"
        "ipa_bits = {}\nhash = \"{}\"\npersonalization = \"{}\"\nsve_vl = {}\npmu_counters = {}\n"
        "breakpoints = {}\nwatchpoints = {}\nprofile = {}\n",
        realm.ipa_bits, to_string(realm.hash), to_hex(realm.personalization), realm.sve_vl,
        realm.pmu_counters, realm.breakpoints, realm.watchpoints, toml_string(realm.profile));
}

std::string attestation_table(const AttestationSpec& spec) {
    const measure::token::PlatformClaims& platform = spec.platform;
    std::string text = fmt::format(
        "[attestation]\n"
        "profile = \"{}\"\nform = \"{}\"\nimplementation_id = \"{}\"\ninstance_id = \"{}\"\n"
        "platform_config = \"{}\"\nlifecycle = {}\n",
        to_string(spec.profile), to_string(spec.form), to_hex(platform.implementation_id),
        to_hex(ByteSpan(platform.instance_id).subspan(1)), to_hex(platform.config),
        platform.lifecycle);
    if (platform.verifier)
        text += fmt::format("verification_service = {}\n", toml_string(*platform.verifier));
    if (!spec.platform_key.empty())
        text += fmt::format("platform_key = \"{}\"\n", kPlatformKeyFile);
    if (!spec.realm_key.empty()) text += fmt::format("realm_key = \"{}\"\n", kRealmKeyFile);
    return text;
}

}  // namespace

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += fmt::format("\\{}", c);
        else if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\u{:04x}", byte);
        else
            out += c;
    }
    return out + "\"";
}

std::string write_device(const DeviceSpec& device) {
    return std::visit(DeviceWriter{device}, device.what);
}

std::string write_config(const RealmSpec& spec, const std::string& kernel,
                         const std::optional<std::string>& initrd) {
    std::string text = fmt::format(
        "[machine]\nvcpus = {}\nmemory = {}\nrtc = {}\npower_key = {}\npvpanic = {}\n"
        "[boot]\nkernel = {}\n",
        spec.machine.vcpus, spec.machine.memory, spec.machine.rtc, spec.machine.power_key,
        spec.machine.pvpanic, toml_string(kernel));
    if (initrd) text += fmt::format("initrd = {}\n", toml_string(*initrd));
    text += fmt::format("cmdline = {}\n", toml_string(spec.boot.cmdline));
    text += fmt::format("[serial]\nmode = \"{}\"\n",
                        spec.serial.mode == SerialSpec::Mode::kNone ? "none" : "stdio");
    for (const DeviceSpec& device : spec.devices) text += write_device(device);
    if (spec.realm) text += realm_table(*spec.realm) + attestation_table(spec.attestation);
    return text;
}

}  // namespace rvmm::realm
