// What an image.cfg says, validated: every field is in range and every default is applied.
// Nothing here was taken from the host. Reference: docs/image-cfg.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "measure/hash.hpp"
#include "measure/token/emulated_platform.hpp"
#include "realm/spec/device_spec.hpp"

namespace rvmm::realm {

/// The kinds of host that can run an image (design: "Four ways to run one image").
enum class HostKind : std::uint8_t { kCca, kEmulated, kLab };
std::string_view to_string(HostKind kind);

struct MachineSpec {
    std::uint32_t vcpus = 1;              // 1 to kMaxVcpus
    std::uint64_t memory = 512ULL << 20;  // bytes; a multiple of 2 MiB, 2 MiB to kMaxMemory
    bool rtc = false;                     // a clock, PL031
    bool power_key = false;               // a key on a GPIO, PL061
    bool pvpanic = false;                 // registers to say that the guest has ended, and how

    friend bool operator==(const MachineSpec&, const MachineSpec&) = default;
};

struct BootSpec {
    std::filesystem::path kernel;  // absolute or relative to the current directory
    std::optional<std::filesystem::path> initrd;
    std::string cmdline;  // without NUL; at most 2047 bytes

    friend bool operator==(const BootSpec&, const BootSpec&) = default;
};

/// The parameters of a realm. All of them but the personalization value are measured, so each has
/// a fixed default and none is taken from the host.
struct RealmParameters {
    unsigned ipa_bits = 40;  // 32 to 48, with the unprotected half
    measure::Hash hash = measure::Hash::kSha256;
    std::array<std::byte, 64> personalization{};  // RPV
    unsigned sve_vl = 0;        // bits: 0 for no SVE, else 128 to 2048 in steps of 128
    unsigned pmu_counters = 0;  // 0 for no PMU, else 1 to 31
    unsigned breakpoints = 6;   // count, 2 to 64
    unsigned watchpoints = 4;   // count, 2 to 64
    std::string profile = "rmm-2.0/tf-rmm + kvm-v14";
    measure::Digest expect_rim =
        {};  // a launch that measures to another is refused; empty: none is

    friend bool operator==(const RealmParameters&, const RealmParameters&) = default;
};

/// What the tokens of an emulated realm say of their platform and look like. On a CCA host all of
/// this is the host's.
struct AttestationSpec {
    enum class Profile : std::uint8_t { kNone, kRealm2023, kRealm2024 };
    Profile profile = Profile::kRealm2024;
    measure::token::Form form = measure::token::Form::kCmwCollection;
    measure::token::PlatformClaims platform = measure::token::emulated_platform();
    Bytes platform_key;  // a private key as PEM; empty: the published test key
    Bytes realm_key;     // the same; empty: a new one for each launch

    friend bool operator==(const AttestationSpec&, const AttestationSpec&) = default;
};

/// As the config says them.
std::string_view to_string(AttestationSpec::Profile profile);
std::string_view to_string(measure::token::Form form);

struct HostSpec {
    /// In the order of the file, never empty. Defaults: {kCca} for a realm, {kLab} for an ordinary
    /// VM, which may run on this machine's KVM whatever is listed here.
    std::vector<HostKind> allow;

    friend bool operator==(const HostSpec&, const HostSpec&) = default;
};

/// The 16550.
struct SerialSpec {
    enum class Mode : std::uint8_t { kStdio, kNone };
    Mode mode = Mode::kStdio;

    friend bool operator==(const SerialSpec&, const SerialSpec&) = default;
};

inline constexpr std::uint32_t kMaxVcpus = 512;
inline constexpr std::uint64_t kMaxMemory = 1ULL << 46;

struct RealmSpec {
    std::filesystem::path source;  // the config file, as it was named
    MachineSpec machine;
    BootSpec boot;
    std::optional<RealmParameters> realm;  // nothing: an ordinary VM
    HostSpec host;
    SerialSpec serial;
    std::vector<DeviceSpec> devices;  // in the order of the file
    AttestationSpec attestation;

    friend bool operator==(const RealmSpec&, const RealmSpec&) = default;
};

/// Whether a console of the guest, or its serial port, is on rvmm's standard input and output.
bool uses_stdio(const RealmSpec& spec);

struct ConfigOptions {
    bool force_realm = false;            // `rvmm run --realm`: without a table, its defaults hold
    std::vector<std::string> overrides;  // `--set machine.memory=1G`, in order
};

/// Reads and validates a config file of up to 1 MiB. Errors (Stage::kConfig, or kImage if the file
/// itself or its personalization_file cannot be read) start with "file:line:column: " where there
/// is a line, and name the nearest valid key for a misspelt one; for an override they start with
/// "--set key=value: ". An override counts as if the file said it, but its paths are relative to
/// the current directory.
Result<RealmSpec> load_config(const std::filesystem::path& path, const ConfigOptions& options);

/// As load_config() for text that is already in memory. Relative paths are taken from the folder
/// of `source`. This is the function that the fuzz target drives.
Result<RealmSpec> parse_config(std::string_view text, const std::filesystem::path& source,
                               const ConfigOptions& options);

}  // namespace rvmm::realm
