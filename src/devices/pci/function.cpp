#include "devices/pci/function.hpp"

namespace rvmm::devices::pci {

void Function::read_config(std::size_t offset, MutableByteSpan data) {
    const std::lock_guard lock(mutex_);
    config_reading(offset, data.size());
    config_.read(offset, data);
}

bool Function::write_config(std::size_t offset, ByteSpan data) {
    const std::lock_guard lock(mutex_);
    config_.write(offset, data);
    config_written(offset, data.size());
    return touches(offset, data.size(), kCommand, sizeof(std::uint16_t)) ||
           touches(offset, data.size(), kBars, kBarsEnd - kBars);
}

std::optional<IpaRange> Function::bar_range(unsigned bar) const {
    const std::lock_guard lock(mutex_);
    return config_.bar_range(bar);
}

void Function::place_bar(unsigned bar, std::uint32_t address) {
    const std::lock_guard lock(mutex_);
    config_.place_bar(bar, address);
}

}  // namespace rvmm::devices::pci
