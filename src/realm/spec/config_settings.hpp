// What a config file and the overrides say together, before values are checked: which keys are set,
// each at most once, and which devices there are.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "realm/spec/config_check.hpp"
#include "realm/spec/config_keys.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {

/// One [[disk]], [rng] and the like.
struct DeviceTable {
    std::string_view table;
    std::size_t element;  // which of its list, from 0
    Position position;
    Origin origin;

    std::string where() const { return origin.where(position); }
};

class Settings {
  public:
    /// Both give errors as parse_config() does.
    Result<> add_file(std::string_view text, const Origin& origin);
    Result<> add_override(std::string_view text);

    const std::vector<Setting>& list() const { return list_; }
    /// In the order of the file.
    const std::vector<DeviceTable>& devices() const { return devices_; }
    bool has_realm() const { return has_realm_; }
    /// Where [boot] stands; nowhere if it is not there.
    Position boot_table() const { return boot_table_; }

    /// What `key` is set to, or nullptr.
    const Setting* find(const ConfigKey* key, std::size_t element = 0) const;
    /// The index in devices() of the table that the key of `setting` stands in, which is a
    /// device's.
    std::size_t device_of(const Setting& setting) const;

  private:
    Result<> add_table(const ConfigEntry& entry, const Origin& origin);
    Result<> add_list(const ConfigEntry& entry, const ConfigList& list, const Origin& origin);
    Result<> add_key(const ConfigEntry& entry, std::string_view name, const Origin& origin);
    void erase(const ConfigKey* key, std::size_t element);

    std::vector<Setting> list_;
    std::vector<DeviceTable> devices_;
    bool has_realm_ = false;
    Position boot_table_;
};

}  // namespace rvmm::realm
