// Accesses to device registers of any size, for those who get the size wrong.
#pragma once

#include "cpu.hpp"

namespace guest::hostile {

inline constexpr unsigned kSizes[] = {1, 2, 4, 8};

/// `size` is one of kSizes, and `address` a multiple of it, but for UnalignedAccesses.
inline std::uint64_t read_sized(std::uint64_t address, unsigned size) {
    switch (size) {
        case 1:
            return mmio_read8(address);
        case 2:
            return mmio_read16(address);
        case 4:
            return mmio_read32(address);
        default:
            return mmio_read64(address);
    }
}

inline void write_sized(std::uint64_t address, unsigned size, std::uint64_t value) {
    switch (size) {
        case 1:
            return mmio_write8(address, static_cast<std::uint8_t>(value));
        case 2:
            return mmio_write16(address, static_cast<std::uint16_t>(value));
        case 4:
            return mmio_write32(address, static_cast<std::uint32_t>(value));
        default:
            return mmio_write64(address, value);
    }
}

/// All ones, in so many bytes.
constexpr std::uint64_t ones(unsigned size) {
    return size == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * size)) - 1;
}

}  // namespace guest::hostile
