// Finds the virtio devices that the device tree tells of: frames of virtio-mmio, and the functions
// on bus 0 of a generic PCI host, whose BARs have their addresses already.
#pragma once

#include <cstddef>
#include <cstdint>

#include "transport.hpp"

namespace guest::hostile {

inline constexpr std::size_t kMaxDevices = 16;

struct Found {
    Transport devices[kMaxDevices];  // frames first, then slots
    std::size_t count = 0;
    std::uint64_t ecam = 0;  // with the shared bit; 0: no PCI host
};

/// False if there are too many, or the tree is broken.
bool find_devices(Found& found);

/// Where a slot's function 0 has its configuration space.
constexpr std::uint64_t function_at(std::uint64_t ecam, unsigned slot) {
    return ecam + (std::uint64_t{slot} << 15);
}
inline constexpr unsigned kSlots = 32;

}  // namespace guest::hostile
