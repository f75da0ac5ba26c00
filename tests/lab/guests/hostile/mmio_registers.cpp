#include "mmio_registers.hpp"

#include "cpu.hpp"

namespace guest::hostile {
namespace {

enum Register : std::uint64_t {
    kMagic = 0x00,
    kVersion = 0x04,
    kDeviceId = 0x08,
    kDeviceFeatures = 0x10,
    kDeviceFeaturesSel = 0x14,
    kDriverFeatures = 0x20,
    kDriverFeaturesSel = 0x24,
    kQueueSel = 0x30,
    kQueueSizeMax = 0x34,
    kQueueSize = 0x38,
    kQueueReady = 0x44,
    kQueueNotify = 0x50,
    kStatus = 0x70,
    kQueueAreas = 0x80,  // two words each, 0x10 apart
};
constexpr std::uint32_t kMagicValue = 0x7472'6976;

}  // namespace

std::uint16_t MmioRegisters::probe() const {
    if (mmio_read32(base_ + kMagic) != kMagicValue || mmio_read32(base_ + kVersion) != 2) return 0;
    return static_cast<std::uint16_t>(mmio_read32(base_ + kDeviceId));
}

std::uint32_t MmioRegisters::offered(std::uint32_t word) const {
    mmio_write32(base_ + kDeviceFeaturesSel, word);
    return mmio_read32(base_ + kDeviceFeatures);
}

void MmioRegisters::accept(std::uint32_t word, std::uint32_t bits) const {
    mmio_write32(base_ + kDriverFeaturesSel, word);
    mmio_write32(base_ + kDriverFeatures, bits);
}

std::uint8_t MmioRegisters::status() const {
    return static_cast<std::uint8_t>(mmio_read32(base_ + kStatus));
}

void MmioRegisters::set_status(std::uint8_t status) const {
    mmio_write32(base_ + kStatus, status);
}

void MmioRegisters::select_queue(std::uint32_t queue) const {
    mmio_write32(base_ + kQueueSel, queue);
}

std::uint32_t MmioRegisters::max_queue_size() const {
    return mmio_read32(base_ + kQueueSizeMax);
}

void MmioRegisters::set_queue_size(std::uint32_t size) const {
    mmio_write32(base_ + kQueueSize, size);
}

void MmioRegisters::set_queue_area(Area area, std::uint64_t address) const {
    const std::uint64_t at = base_ + kQueueAreas + 0x10 * static_cast<std::uint64_t>(area);
    mmio_write32(at, static_cast<std::uint32_t>(address));
    mmio_write32(at + 4, static_cast<std::uint32_t>(address >> 32));
}

void MmioRegisters::set_queue_ready(std::uint32_t ready) const {
    mmio_write32(base_ + kQueueReady, ready);
}

bool MmioRegisters::queue_ready() const {
    return mmio_read32(base_ + kQueueReady) != 0;
}

void MmioRegisters::notify(std::uint32_t queue) const {
    mmio_write32(base_ + kQueueNotify, queue);
}

bool MmioRegisters::is_register(std::uint64_t offset, unsigned size) {
    return size == 4 && offset % 4 == 0;
}

}  // namespace guest::hostile
