// The interrupt line of a device with registers.
#pragma once

#include <functional>

namespace rvmm::devices {

/// Sets the line's level. Called under the device's lock: it must not call back.
using InterruptLine = std::function<void(bool level)>;

}  // namespace rvmm::devices
