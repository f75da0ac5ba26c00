// The configuration space of a PCI function: registers, and which of their bits a guest can write.
// Source: PCI Local Bus 3.0, sections 6.1, 6.2 and 6.7; ECAM makes it 4 KiB (PCI Express 5.0, 7.2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "base/bytes.hpp"

namespace rvmm::devices::pci {

// Registers of a type 0 header: offsets in bytes.
inline constexpr std::size_t kVendorId = 0x00;
inline constexpr std::size_t kDeviceId = 0x02;
inline constexpr std::size_t kCommand = 0x04;
inline constexpr std::size_t kStatus = 0x06;
inline constexpr std::size_t kRevision = 0x08;  // and the class code in the upper three bytes
inline constexpr std::size_t kCacheLine = 0x0c;
inline constexpr std::size_t kBars = 0x10;
inline constexpr std::size_t kBarsEnd = 0x28;
inline constexpr std::size_t kSubsystemVendor = 0x2c;
inline constexpr std::size_t kSubsystem = 0x2e;
inline constexpr std::size_t kCapabilities = 0x34;
inline constexpr std::size_t kInterruptLine = 0x3c;

inline constexpr std::uint16_t kCommandMemory = 1U << 1;
inline constexpr std::uint16_t kCommandMaster = 1U << 2;
inline constexpr std::uint16_t kCommandNoIntx = 1U << 10;
inline constexpr std::uint16_t kStatusInterrupt = 1U << 3;
inline constexpr std::uint16_t kStatusCapabilities = 1U << 4;

inline constexpr std::uint8_t kCapabilityVendor = 0x09;
inline constexpr std::uint8_t kCapabilityMsix = 0x11;

struct Identity {
    std::uint16_t vendor;
    std::uint16_t device;
    std::uint32_t class_code;  // class, subclass, programming interface: 24 bits
    std::uint8_t revision = 0;
    std::uint16_t subsystem_vendor = 0;
    std::uint16_t subsystem = 0;
};

/// Whether two stretches of registers have a byte in common.
constexpr bool touches(std::size_t offset, std::size_t size, std::size_t reg, std::size_t width) {
    return offset < reg + width && reg < offset + size;
}

/// For one thread at a time. There is no interrupt pin and no I/O space.
class ConfigSpace {
  public:
    static constexpr std::size_t kSize = 4096;
    static constexpr unsigned kBarCount = 6;

    explicit ConfigSpace(const Identity& identity);

    /// A BAR of 32-bit memory, not prefetchable. `size` is a power of two, 4 KiB or more.
    void add_bar(unsigned bar, std::uint32_t size);
    /// `body` is what comes after the capability's ID and link; `writable` has its bits that the
    /// guest can write, and may be shorter. Returns where the capability is. There is room for 192
    /// bytes of them.
    std::size_t add_capability(std::uint8_t id, ByteSpan body, ByteSpan writable = {});

    // The guest's accesses, of any size and alignment, within kSize.
    void read(std::size_t offset, MutableByteSpan data) const;
    void write(std::size_t offset, ByteSpan data);

    // The device's own, whatever the guest can write.
    template <std::unsigned_integral T>
    T load(std::size_t offset) const {
        return load_le<T>(ByteSpan(bytes_).subspan(offset));
    }
    template <std::unsigned_integral T>
    void store(std::size_t offset, T value) {
        store_le(MutableByteSpan(bytes_).subspan(offset), value);
    }

    /// 0: there is no such BAR.
    std::uint32_t bar_size(unsigned bar) const { return sizes_[bar]; }
    /// Where the function answers, if COMMAND lets it.
    std::optional<IpaRange> bar_range(unsigned bar) const;
    void place_bar(unsigned bar, std::uint32_t address);

  private:
    template <std::unsigned_integral T>
    void let_write(std::size_t offset, T bits) {
        store_le(MutableByteSpan(writable_).subspan(offset), bits);
    }

    std::array<std::byte, kSize> bytes_{};
    std::array<std::byte, kSize> writable_{};
    std::array<std::uint32_t, kBarCount> sizes_{};
    std::size_t last_link_ = kCapabilities;
    std::size_t capabilities_end_ = 0x40;
};

}  // namespace rvmm::devices::pci
