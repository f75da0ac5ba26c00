#include "realm/spec/config_keys.hpp"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include <fmt/ranges.h>

#include "base/bytes.hpp"

namespace rvmm::realm {
namespace {

constexpr std::uint64_t kMemoryStep = 2ULL << 20;
constexpr std::size_t kMaxCmdline = 2047;  // arm64 Linux: COMMAND_LINE_SIZE with its NUL is 2048
constexpr std::size_t kMaxProfile = 128;
constexpr std::size_t kPersonalizationSize = sizeof(RealmParameters::personalization);

constexpr std::size_t kMaxDiskSerial = 20;  // virtio 1.3, 5.2.6: VIRTIO_BLK_T_GET_ID
constexpr std::size_t kMaxInterface = 15;   // IFNAMSIZ with its NUL is 16
constexpr std::uint64_t kMinMtu = 68;       // RFC 791
constexpr std::uint64_t kMaxTapFd = 65535;
constexpr std::uint64_t kMinCid = 3;  // 0 to 2 are the hypervisor, this machine and the host
constexpr std::uint64_t kMaxCid = 0xffff'fffe;

constexpr std::array<std::string_view, 11> kTables = {"machine", "boot",    "realm",      "host",
                                                      "serial",  "disk",    "net",        "vsock",
                                                      "rng",     "console", "attestation"};
// More of a kind than PCI and virtio-mmio have room for are refused where they stand.
constexpr std::array<ConfigList, 4> kLists = {
    {{"disk", 63}, {"net", 63}, {"vsock", 63}, {"console", kMaxConsolePorts}}};
constexpr std::array<std::string_view, 3> kHostKinds = {"cca", "emulated", "lab"};
constexpr std::array<std::string_view, 2> kSerialModes = {"stdio", "none"};
constexpr std::array<std::string_view, 2> kTransports = {"pci", "mmio"};
constexpr std::array<std::string_view, 2> kBackends = {"passt", "tap"};
constexpr std::array<std::string_view, 3> kPortModes = {"stdio", "none", "file"};
constexpr std::array<std::string_view, 3> kTokenProfiles = {"none", "2023", "2024"};
constexpr std::array<std::string_view, 2> kTokenForms = {"cca-token", "cmw-collection"};
constexpr std::size_t kMaxPlatformConfig = 64;  // bytes
constexpr std::size_t kMaxVerifier = 255;       // bytes
constexpr std::array<std::string_view, 3> kHashNames = {"sha256", "sha384", "sha512"};
constexpr std::array<measure::Hash, 3> kHashes = {measure::Hash::kSha256, measure::Hash::kSha384,
                                                  measure::Hash::kSha512};

using Realm = RealmParameters;
using Platform = measure::token::PlatformClaims;

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

void token_profile(ConfigDraft& draft, std::size_t index) {
    draft.attestation.profile = static_cast<AttestationSpec::Profile>(index);
}

void token_form(ConfigDraft& draft, std::size_t index) {
    using measure::token::Form;
    draft.attestation.form = index == 0 ? Form::kCcaToken : Form::kCmwCollection;
}

/// Stores bytes, and zeros up to `Size` of them, after the first `Skip` of a platform's claim.
template <auto Field, std::size_t Skip, std::size_t Size>
void platform_bytes(ConfigDraft& draft, ByteSpan bytes) {
    Bytes& field = draft.attestation.platform.*Field;
    field.resize(Skip);
    field.insert(field.end(), bytes.begin(), bytes.end());
    field.resize(std::max(Skip + Size, field.size()));
}

void lifecycle(ConfigDraft& draft, std::uint64_t value) {
    draft.attestation.platform.lifecycle = static_cast<std::uint16_t>(value);
}

void verifier(ConfigDraft& draft, std::string value) {
    draft.attestation.platform.verifier = std::move(value);
}

template <auto Field>
void token_key(ConfigDraft& draft, ByteSpan bytes) {
    (draft.attestation.*Field).assign(bytes.begin(), bytes.end());
}

template <auto Field>
void machine_flag(ConfigDraft& draft, bool yes) {
    draft.machine.*Field = yes;
}

/// Stores a value in the member `Field` of the device that is being filled.
template <auto Field>
struct OfDevice;
template <class What, class Type, Type What::* Field>
struct OfDevice<Field> {
    template <class Value>
    static void store(ConfigDraft& draft, Value value) {
        Type& field = std::get<What>(draft.devices[draft.device].what).*Field;
        if constexpr (std::is_integral_v<Value>)
            field = static_cast<Type>(value);
        else
            field = std::move(value);
    }
};
template <auto Field>
constexpr auto kCount = &OfDevice<Field>::template store<std::uint64_t>;
template <auto Field>
constexpr auto kFlag = &OfDevice<Field>::template store<bool>;
template <auto Field>
constexpr auto kString = &OfDevice<Field>::template store<std::string>;
template <auto Field>
constexpr auto kFile = &OfDevice<Field>::template store<std::filesystem::path>;
template <auto Field>
constexpr auto kIndex = &OfDevice<Field>::template store<std::size_t>;

void tap_fd(ConfigDraft& draft, std::uint64_t value) {
    std::get<NetSpec>(draft.devices[draft.device].what).tap_fd = static_cast<int>(value);
}

void transport(ConfigDraft& draft, std::size_t index) {
    draft.devices[draft.device].transport = static_cast<Transport>(index);
}

ConsolePort& port(ConfigDraft& draft) {
    return std::get<ConsoleSpec>(draft.devices[draft.device].what).ports.front();
}
void port_mode(ConfigDraft& draft, std::size_t index) {
    port(draft).mode = static_cast<ConsolePort::Mode>(index);
}
void port_path(ConfigDraft& draft, std::filesystem::path value) {
    port(draft).path = std::move(value);
}

bool device_name(ConfigDraft& draft, const std::string& value) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    if (value.empty() || value.size() > kMaxDeviceName || !std::ranges::all_of(value, allowed))
        return false;
    draft.devices[draft.device].name = value;
    return true;
}

bool interface(ConfigDraft& draft, const std::string& value) {
    const bool printable = std::ranges::all_of(value, [](char c) { return c > ' ' && c <= '~'; });
    if (value.empty() || value.size() > kMaxInterface || !printable || value == "." ||
        value == ".." || value.find_first_of("/:") != std::string::npos)
        return false;
    std::get<NetSpec>(draft.devices[draft.device].what).tap = value;
    return true;
}

bool mac(ConfigDraft& draft, const std::string& value) {
    MacAddress address{};
    if (value.size() != 3 * address.size() - 1) return false;
    for (std::size_t i = 0; i < address.size(); ++i) {
        const auto byte = from_hex(value.substr(3 * i, 2));
        if (!byte || (i != 0 && value[3 * i - 1] != ':')) return false;
        address[i] = std::to_integer<std::uint8_t>(byte->front());
    }
    if ((address[0] & 1U) != 0 || address == MacAddress{}) return false;
    std::get<NetSpec>(draft.devices[draft.device].what).mac = address;
    return true;
}

void allowed_hosts(ConfigDraft& draft, std::span<const std::size_t> kinds) {
    draft.host.allow.clear();
    for (const std::size_t kind : kinds) draft.host.allow.push_back(static_cast<HostKind>(kind));
}

constexpr FormRule kNameRule{"a name of 1 to 32 of a-z, 0-9, _ and -", device_name};
constexpr FormRule kInterfaceRule{"the name of a network interface, 1 to 15 bytes", interface};
constexpr FormRule kMacRule{"a unicast address such as \"52:54:00:12:34:56\"", mac};
constexpr ChoiceRule kTransportRule{kTransports, transport};

// clang-format off
constexpr auto kKeys = std::to_array<ConfigKey>({
    {"machine", "vcpus", IntegerRule{1, kMaxVcpus, 1, kMachine<&MachineSpec::vcpus>}},
    {"machine", "memory",
     SizeRule{kMemoryStep, kMaxMemory, kMemoryStep, kMachine<&MachineSpec::memory>}},
    {"machine", "rtc", BooleanRule{machine_flag<&MachineSpec::rtc>}},
    {"machine", "power_key", BooleanRule{machine_flag<&MachineSpec::power_key>}},
    {"machine", "pvpanic", BooleanRule{machine_flag<&MachineSpec::pvpanic>}},

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

    {"disk", "name", kNameRule},
    {"disk", "path", PathRule{kFile<&DiskSpec::path>}, true},
    {"disk", "readonly", BooleanRule{kFlag<&DiskSpec::readonly>}},
    {"disk", "serial", TextRule{0, kMaxDiskSerial, kString<&DiskSpec::serial>}},
    {"disk", "queues", IntegerRule{1, 16, 1, kCount<&DiskSpec::queues>}},
    {"disk", "transport", kTransportRule},

    {"net", "name", kNameRule},
    {"net", "backend", ChoiceRule{kBackends, kIndex<&NetSpec::backend>}},
    {"net", "tap", kInterfaceRule, false, "tap_fd"},
    {"net", "tap_fd", IntegerRule{3, kMaxTapFd, 1, tap_fd}, false, "tap"},
    {"net", "socket", PathRule{kFile<&NetSpec::socket>}},
    {"net", "mac", kMacRule},
    {"net", "mtu", IntegerRule{kMinMtu, 65535, 1, kCount<&NetSpec::mtu>}},
    {"net", "queues", IntegerRule{1, 8, 1, kCount<&NetSpec::queues>}},
    {"net", "transport", kTransportRule},

    {"vsock", "name", kNameRule},
    {"vsock", "cid", IntegerRule{kMinCid, kMaxCid, 1, kCount<&VsockSpec::cid>}, true},
    {"vsock", "path", PathRule{kFile<&VsockSpec::path>}, true},
    {"vsock", "transport", kTransportRule},

    {"rng", "transport", kTransportRule},

    {"console", "name", kNameRule},
    {"console", "mode", ChoiceRule{kPortModes, port_mode}},
    {"console", "path", PathRule{port_path}},
    {"console", "transport", kTransportRule},

    {"attestation", "profile", ChoiceRule{kTokenProfiles, token_profile}},
    {"attestation", "form", ChoiceRule{kTokenForms, token_form}},
    {"attestation", "implementation_id",
     HexRule{32, platform_bytes<&Platform::implementation_id, 0, 32>}},
    {"attestation", "instance_id", HexRule{32, platform_bytes<&Platform::instance_id, 1, 32>}},
    {"attestation", "platform_config",
     HexRule{kMaxPlatformConfig, platform_bytes<&Platform::config, 0, 0>}},
    {"attestation", "lifecycle", IntegerRule{0, 0xffff, 1, lifecycle}},
    {"attestation", "verification_service", TextRule{1, kMaxVerifier, verifier}},
    {"attestation", "platform_key", KeyRule{token_key<&AttestationSpec::platform_key>}},
    {"attestation", "realm_key", KeyRule{token_key<&AttestationSpec::realm_key>}},
});
// clang-format on

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

std::span<const std::string_view> config_tables() {
    return kTables;
}

bool is_table(std::string_view name) {
    return std::ranges::find(kTables, name) != kTables.end();
}

const ConfigList* find_list(std::string_view table) {
    const auto* found = std::ranges::find(kLists, table, &ConfigList::table);
    return found == kLists.end() ? nullptr : found;
}

bool is_device(std::string_view table) {
    return table == "rng" || find_list(table) != nullptr;
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

std::string_view to_string(Transport value) {
    return kTransports[static_cast<std::size_t>(value)];
}

std::string_view to_string(NetSpec::Backend backend) {
    return kBackends[static_cast<std::size_t>(backend)];
}

std::string_view to_string(ConsolePort::Mode mode) {
    return kPortModes[static_cast<std::size_t>(mode)];
}

std::string_view to_string(AttestationSpec::Profile profile) {
    return kTokenProfiles[static_cast<std::size_t>(profile)];
}

std::string_view to_string(measure::token::Form form) {
    return kTokenForms[form == measure::token::Form::kCcaToken ? 0 : 1];
}

std::string to_string(const MacAddress& address) {
    return fmt::format("{:02x}", fmt::join(address, ":"));
}

}  // namespace rvmm::realm
