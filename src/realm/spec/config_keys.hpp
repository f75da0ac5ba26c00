// The keys of an image.cfg as one table of data: what each takes and where it goes. Parsing, the
// search for unknown keys and the reference (docs/image-cfg.md, by test) follow this table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// A row of a profile file in the making: what it does not say is nothing. Choices are indices.
struct ProfileDraft {
    std::optional<std::string> like = {};
    std::optional<std::size_t> rule = {};
    std::optional<std::string> host = {};
    std::optional<std::uint64_t> page_size = {};  // bytes
    std::optional<std::size_t> order = {};
    std::optional<std::size_t> ripas = {};
    std::optional<std::vector<measure::Hash>> hashes = {};
    std::optional<bool> personalization = {};
    std::optional<bool> pmu = {};
    std::optional<bool> breakpoints = {};
    std::optional<bool> lpa2 = {};
    std::optional<std::string> note = {};
};

/// What a file says, in the making: a RealmSpec, whose realm parameters are there even if it turns
/// out to be none, or a profile.
struct ConfigDraft {
    MachineSpec machine;
    BootSpec boot;
    RealmParameters realm;
    HostSpec host;
    SerialSpec serial;
    AttestationSpec attestation;
    std::vector<DeviceSpec> devices;  // one for each table; a console has one port
    std::size_t device = 0;           // the one that keys of devices go to
    ProfileDraft profile;
};

// Each rule says which values it takes and where one that was taken goes.

/// A whole number: `min` to `max` (both included) in steps of `step`.
struct IntegerRule {
    std::uint64_t min;
    std::uint64_t max;
    std::uint64_t step;
    void (*store)(ConfigDraft&, std::uint64_t);
};
/// A number of bytes, or a string as parse_size() takes it; range as for IntegerRule.
struct SizeRule {
    std::uint64_t min;
    std::uint64_t max;
    std::uint64_t step;
    void (*store)(ConfigDraft&, std::uint64_t);
};
/// One of `sizes`, in bytes or as parse_size() takes it.
struct SizesRule {
    std::span<const std::uint64_t> sizes;
    void (*store)(ConfigDraft&, std::uint64_t);
};
struct BooleanRule {
    void (*store)(ConfigDraft&, bool);
};
/// A string of so many bytes, without NUL.
struct TextRule {
    std::size_t min_bytes;
    std::size_t max_bytes;
    void (*store)(ConfigDraft&, std::string);
};
/// A string of some form, which `store` tells: false, and nothing is stored, if it is another.
struct FormRule {
    std::string_view takes;
    bool (*store)(ConfigDraft&, const std::string&);
};
/// The path of a file, relative to where it was written.
struct PathRule {
    void (*store)(ConfigDraft&, std::filesystem::path);
};
/// One of `names`; stored as its index.
struct ChoiceRule {
    std::span<const std::string_view> names;
    void (*store)(ConfigDraft&, std::size_t);
};
/// A non-empty array of some of `names`, each at most once; stored as indices.
struct ChoicesRule {
    std::span<const std::string_view> names;
    void (*store)(ConfigDraft&, std::span<const std::size_t>);
};
/// Bytes as hex digits.
struct HexRule {
    std::size_t max_bytes;
    void (*store)(ConfigDraft&, ByteSpan);
};
/// A digest as hex digits.
struct DigestRule {
    void (*store)(ConfigDraft&, const measure::Digest&);
};
/// Bytes as the contents of a file, which is read while the config is.
struct ContentsRule {
    std::size_t max_bytes;
    void (*store)(ConfigDraft&, ByteSpan);
};
/// The same of a private key.
struct KeyRule {
    void (*store)(ConfigDraft&, ByteSpan);
};
using Rule =
    std::variant<IntegerRule, SizeRule, SizesRule, BooleanRule, TextRule, FormRule, PathRule,
                 ChoiceRule, ChoicesRule, HexRule, DigestRule, ContentsRule, KeyRule>;

struct ConfigKey {
    std::string_view table;
    std::string_view name;
    Rule rule;
    bool required = false;
    const char* excludes = nullptr;  // a key of the same table that cannot be there with this one

    /// "machine.vcpus"
    std::string full_name() const;
    /// The TOML value is a string, whatever it says.
    bool takes_text() const;
};

/// A table that may be there several times: [[disk]].
struct ConfigList {
    std::string_view table;
    std::size_t max;  // how many there may be
};

/// Every key there is, table by table.
std::span<const ConfigKey> config_keys();
/// The key `table`.`name`, or nullptr.
const ConfigKey* find_key(std::string_view table, std::string_view name);
/// The names of all tables.
std::span<const std::string_view> config_tables();
bool is_table(std::string_view name);
/// The list that `table` is, or nullptr.
const ConfigList* find_list(std::string_view table);
/// Each table of that name makes a device.
bool is_device(std::string_view table);

/// What a rule takes, as errors and the reference say it: "a whole number from 1 to 512".
std::string expectation(const Rule& rule);

/// How a table begins in a file: "[machine]", "[[disk]]".
std::string heading(std::string_view table);

/// "unknown key machine.vcpu; did you mean machine.vcpus?", or what there is if nothing is near.
std::string unknown_key(std::string_view table, std::string_view name);
/// The same for a top-level name that is no table.
std::string unknown_table(std::string_view name);

/// "; did you mean \"lab\"?" for a wrong name that is near one of `names`, else nothing.
std::string did_you_mean(std::string_view wrong, std::span<const std::string_view> names);

/// The hash algorithms that rules name: "sha256", ... and the same as values, in one order.
std::span<const std::string_view> hash_names();
measure::Hash hash_of(std::size_t index);

/// The names of HostKind in the order of its values.
std::span<const std::string_view> host_kind_names();

}  // namespace rvmm::realm
