// The interface of a device with registers, and the bus that finds it by address.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::devices {

/// A device answers on the vCPU's own thread, under its own small lock, and never waits. Offsets
/// and lengths come from the guest: any offset below the window's size, any length of 1 to 8.
class Device {
  public:
    virtual ~Device() = default;
    virtual std::string_view name() const = 0;
    virtual void read(std::uint64_t offset, MutableByteSpan data) = 0;
    virtual void write(std::uint64_t offset, ByteSpan data) = 0;
};

/// Built once before the guest runs, then read only: lookups need no lock.
class Bus {
  public:
    /// Errors (Stage::kInternal): an empty window, or one that overlaps another.
    Result<> add(IpaRange window, std::shared_ptr<Device> device);

    /// Hands the access to the device whose window holds all of it. Without one, a read gives zero
    /// and a write is dropped; the result says whether there was one.
    bool read(Ipa address, MutableByteSpan data) const;
    bool write(Ipa address, ByteSpan data) const;

  private:
    struct Entry {
        IpaRange window;
        std::shared_ptr<Device> device;
    };
    const Entry* find(Ipa address, std::size_t length) const;
    std::vector<Entry> entries_;  // ascending
};

}  // namespace rvmm::devices
