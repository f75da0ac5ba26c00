// What varies between the cases of a test: a line of [vary], and values for keys of a config.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "realm/spec/config_check.hpp"
#include "vmm/hosts/host_facts.hpp"

namespace rvmm::vmm::suite {

struct Axis {
    struct Value {
        std::string shown;         // in the case's name
        std::string setting = {};  // as --set takes it; empty: `host` it is
        std::optional<RunsOn> host = {};
    };
    std::string name;  // as the file has it
    std::string key;   // of the config: "machine.vcpus"; empty: it is the host
    std::vector<Value> values;

    /// `entry` is a key of [vary]. Errors (Stage::kConfig) start with where it stands: no key that
    /// can vary, with the nearest one; not an array of values, each there once. Relative paths are
    /// taken from `origin`'s folder.
    static Result<Axis> make(const realm::ConfigEntry& entry, const realm::Origin& origin);
};

/// The key of a config that "machine.vcpus" or "disk.0.path" names, or nullptr.
const realm::ConfigKey* named_key(std::string_view full_name);

/// `text`, KEY=VALUE as --set takes it, with a relative path taken from `folder`. Errors: what is
/// wrong with its key, as one clause.
std::expected<std::string, std::string> settle(std::string_view text,
                                               const std::filesystem::path& folder);

}  // namespace rvmm::vmm::suite
