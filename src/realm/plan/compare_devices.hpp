// What two configs say differently about devices, as far as the device tree does not say it.
#pragma once

#include <vector>

#include "realm/plan/difference.hpp"
#include "realm/spec/device_spec.hpp"

namespace rvmm::realm {

/// Devices are compared in their order. Of two, the keys that differ are shown, but the transport.
void compare_devices(const std::vector<DeviceSpec>& ours, const std::vector<DeviceSpec>& theirs,
                     Differences& sink);

}  // namespace rvmm::realm
