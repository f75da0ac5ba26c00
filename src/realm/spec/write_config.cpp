#include "realm/spec/write_config.hpp"

#include "base/bytes.hpp"

namespace rvmm::realm {
namespace {

/// A TOML basic string (TOML 1.0, "String").
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

std::string realm_table(const RealmParameters& realm) {
    return fmt::format(
        "[realm]\n"
        "ipa_bits = {}\nhash = \"{}\"\npersonalization = \"{}\"\nsve_vl = {}\npmu_counters = {}\n"
        "breakpoints = {}\nwatchpoints = {}\nprofile = {}\n",
        realm.ipa_bits, to_string(realm.hash), to_hex(realm.personalization), realm.sve_vl,
        realm.pmu_counters, realm.breakpoints, realm.watchpoints, toml_string(realm.profile));
}

}  // namespace

std::string write_config(const RealmSpec& spec, const std::string& kernel,
                         const std::optional<std::string>& initrd) {
    std::string text = fmt::format("[machine]\nvcpus = {}\nmemory = {}\n[boot]\nkernel = {}\n",
                                   spec.machine.vcpus, spec.machine.memory, toml_string(kernel));
    if (initrd) text += fmt::format("initrd = {}\n", toml_string(*initrd));
    text += fmt::format("cmdline = {}\n", toml_string(spec.boot.cmdline));
    text += fmt::format("[serial]\nmode = \"{}\"\n",
                        spec.serial.mode == SerialSpec::Mode::kNone ? "none" : "stdio");
    if (spec.realm) text += realm_table(*spec.realm);
    return text;
}

}  // namespace rvmm::realm
