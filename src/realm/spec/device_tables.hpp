// The devices of a config: what each table starts from, and which of its keys go together.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "realm/spec/config_settings.hpp"

namespace rvmm::realm {

/// What the tables of `settings` say before any key: names, addresses and modes that count their
/// tables, one device for each.
std::vector<DeviceSpec> default_devices(const Settings& settings);

/// Whether the keys of each device, which have their values in `devices`, can stand together, and
/// no name is taken twice. `devices` are those of settings.devices(). Errors: Stage::kConfig.
Result<> check_devices(const Settings& settings, const std::vector<DeviceSpec>& devices);

/// The same with all consoles as ports of one device at the place of the first.
std::vector<DeviceSpec> with_one_console(std::vector<DeviceSpec> devices);

}  // namespace rvmm::realm
