#include "devices/pl061.hpp"

#include <algorithm>

#include "devices/primecell.hpp"

namespace rvmm::devices {
namespace {

enum GpioRegister : std::uint64_t {
    kGpioDataEnd = 0x400,  // GPIODATA is all that is below
    kGpioDirection = 0x400,
    kGpioSense = 0x404,
    kGpioBothEdges = 0x408,
    kGpioEvent = 0x40c,
    kGpioEnable = 0x410,
    kGpioRawStatus = 0x414,
    kGpioMaskedStatus = 0x418,
    kGpioClear = 0x41c,
    kGpioAlternate = 0x420,
};
constexpr std::uint32_t kGpioPart = 0x061;

/// Bits 9 to 2 of a data register's address say which lines are meant: section 3.3.1.
constexpr std::uint8_t data_mask(std::uint64_t offset) {
    return static_cast<std::uint8_t>(offset >> 2);
}

bool is_register(std::uint64_t offset, std::size_t size) {
    return offset % 4 == 0 && size >= 1 && size <= 4;
}

}  // namespace

void Pl061::read(std::uint64_t offset, MutableByteSpan data) {
    std::ranges::fill(data, std::byte{0});
    if (!is_register(offset, data.size())) return;
    const std::lock_guard lock(mutex_);
    data[0] = std::byte{read_register(offset)};
}

void Pl061::write(std::uint64_t offset, ByteSpan data) {
    if (!is_register(offset, data.size())) return;
    const std::lock_guard lock(mutex_);
    write_register(offset, std::to_integer<std::uint8_t>(data[0]));
    update_interrupt();
}

void Pl061::set_input(unsigned line, bool level) {
    if (line >= kLines) return;
    const std::lock_guard lock(mutex_);
    const auto bit = static_cast<std::uint8_t>(1U << line);
    if (((inputs_ & bit) != 0) == level) return;
    inputs_ ^= bit;
    const bool wanted = (both_edges_ & bit) != 0 || ((high_or_rising_ & bit) != 0) == level;
    if (wanted) edges_ |= static_cast<std::uint8_t>(bit & ~by_level_ & ~outputs_);
    update_interrupt();
}

std::uint8_t Pl061::levels() const {
    return static_cast<std::uint8_t>((data_ & outputs_) | (inputs_ & ~outputs_));
}

std::uint8_t Pl061::raw_status() const {
    const int active = ~(inputs_ ^ high_or_rising_) & by_level_ & ~outputs_;
    return static_cast<std::uint8_t>(active | edges_);
}

std::uint8_t Pl061::read_register(std::uint64_t offset) const {
    if (offset < kGpioDataEnd) return levels() & data_mask(offset);
    switch (offset) {
        case kGpioDirection:
            return outputs_;
        case kGpioSense:
            return by_level_;
        case kGpioBothEdges:
            return both_edges_;
        case kGpioEvent:
            return high_or_rising_;
        case kGpioEnable:
            return enabled_;
        case kGpioRawStatus:
            return raw_status();
        case kGpioMaskedStatus:
            return raw_status() & enabled_;
        case kGpioAlternate:
            return alternate_;
        default:
            return offset >= kPrimecellIds && offset < kPrimecellEnd
                       ? static_cast<std::uint8_t>(primecell_id(kGpioPart, offset))
                       : std::uint8_t{0};
    }
}

void Pl061::write_register(std::uint64_t offset, std::uint8_t value) {
    if (offset < kGpioDataEnd) {
        const int mask = data_mask(offset) & outputs_;
        data_ = static_cast<std::uint8_t>((data_ & ~mask) | (value & mask));
        return;
    }
    switch (offset) {
        case kGpioDirection:
            outputs_ = value;
            break;
        case kGpioSense:
            by_level_ = value;
            edges_ &= static_cast<std::uint8_t>(~value);
            break;
        case kGpioBothEdges:
            both_edges_ = value;
            break;
        case kGpioEvent:
            high_or_rising_ = value;
            break;
        case kGpioEnable:
            enabled_ = value;
            break;
        case kGpioClear:
            edges_ &= static_cast<std::uint8_t>(~value);
            break;
        case kGpioAlternate:
            alternate_ = value;
            break;
        default:
            break;
    }
}

void Pl061::update_interrupt() {
    const bool level = (raw_status() & enabled_) != 0;
    if (level == line_) return;
    line_ = level;
    interrupt_(level);
}

}  // namespace rvmm::devices
