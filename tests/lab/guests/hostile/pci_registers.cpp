#include "pci_registers.hpp"

#include "cpu.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint16_t kVirtioVendor = 0x1af4;
constexpr std::uint16_t kFirstModernDevice = 0x1040;
constexpr std::uint64_t kDeviceId = 0x02;
constexpr std::uint64_t kCapabilities = 0x34;
constexpr std::uint8_t kVendorCapability = 0x09;
constexpr std::uint8_t kMsixCapability = 0x11;
constexpr unsigned kMostCapabilities = 48;

// struct virtio_pci_cap.
enum Structure : std::uint8_t { kCommon = 1, kNotify = 2, kIsr = 3, kDevice = 4, kWindow = 5 };
constexpr std::uint64_t kCapType = 3;
constexpr std::uint64_t kCapBar = 4;
constexpr std::uint64_t kCapOffset = 8;
constexpr std::uint64_t kCapMultiplier = 16;

// struct virtio_pci_common_cfg.
enum Field : std::uint64_t {
    kDeviceFeatureSelect = 0x00,
    kDeviceFeature = 0x04,
    kDriverFeatureSelect = 0x08,
    kDriverFeature = 0x0c,
    kConfigVector = 0x10,
    kDeviceStatus = 0x14,
    kGeneration = 0x15,
    kQueueSelect = 0x16,
    kQueueSize = 0x18,
    kQueueVector = 0x1a,
    kQueueEnable = 0x1c,
    kQueueNotifyOff = 0x1e,
    kQueueAreas = 0x20,  // 64 bits each
    kQueueAreasEnd = 0x38,
};

}  // namespace

std::uint16_t PciRegisters::probe() {
    const std::uint16_t device = mmio_read16(function_ + kDeviceId);
    if (mmio_read16(function_) != kVirtioVendor || device <= kFirstModernDevice) return 0;
    mmio_write16(function_ + kPciCommand, kPciMemory | kPciMaster);
    std::uint64_t at = mmio_read8(function_ + kCapabilities);
    for (unsigned seen = 0; at >= 0x40 && seen < kMostCapabilities; ++seen) {
        take_capability(at);
        at = mmio_read8(function_ + at + 1);
    }
    const bool complete = common_ != 0 && notify_ != 0 && isr_ != 0;
    for (unsigned queue = 0; complete && queue < kBells; ++queue) {
        select_queue(queue);
        notify_offsets_[queue] = mmio_read16(common_ + kQueueNotifyOff);
    }
    return complete ? static_cast<std::uint16_t>(device - kFirstModernDevice) : std::uint16_t{0};
}

void PciRegisters::take_capability(std::uint64_t at) {
    const std::uint64_t capability = function_ + at;
    const std::uint8_t id = mmio_read8(capability);
    if (id == kMsixCapability) {
        const std::uint32_t table = mmio_read32(capability + 4);
        msix_ = at;
        msix_table_ = in_bar(table & 7, table & ~7U);
    }
    if (id != kVendorCapability) return;
    const std::uint64_t structure =
        in_bar(mmio_read8(capability + kCapBar), mmio_read32(capability + kCapOffset));
    switch (mmio_read8(capability + kCapType)) {
        case kCommon:
            common_ = structure;
            return;
        case kNotify:
            notify_ = structure;
            notify_step_ = mmio_read32(capability + kCapMultiplier);
            return;
        case kIsr:
            isr_ = structure;
            return;
        case kDevice:
            config_ = structure;
            return;
        case kWindow:
            window_ = at;
            return;
        default:
            return;
    }
}

std::uint64_t PciRegisters::in_bar(unsigned bar, std::uint32_t offset) const {
    const std::uint32_t base = mmio_read32(function_ + kPciBars + 4 * (bar % kPciBarCount));
    return shared_bit_ | ((base & ~0xfU) + std::uint64_t{offset});
}

std::uint32_t PciRegisters::offered(std::uint32_t word) const {
    mmio_write32(common_ + kDeviceFeatureSelect, word);
    return mmio_read32(common_ + kDeviceFeature);
}

void PciRegisters::accept(std::uint32_t word, std::uint32_t bits) const {
    mmio_write32(common_ + kDriverFeatureSelect, word);
    mmio_write32(common_ + kDriverFeature, bits);
}

std::uint8_t PciRegisters::status() const {
    return mmio_read8(common_ + kDeviceStatus);
}

void PciRegisters::set_status(std::uint8_t status) const {
    mmio_write8(common_ + kDeviceStatus, status);
}

void PciRegisters::select_queue(std::uint32_t queue) const {
    mmio_write16(common_ + kQueueSelect, static_cast<std::uint16_t>(queue));
}

std::uint32_t PciRegisters::max_queue_size() const {
    return mmio_read16(common_ + kQueueSize);
}

void PciRegisters::set_queue_size(std::uint32_t size) const {
    mmio_write16(common_ + kQueueSize, static_cast<std::uint16_t>(size));
}

void PciRegisters::set_queue_area(Area area, std::uint64_t address) const {
    mmio_write64(common_ + kQueueAreas + 8 * static_cast<std::uint64_t>(area), address);
}

void PciRegisters::set_queue_ready(std::uint32_t ready) const {
    mmio_write16(common_ + kQueueEnable, static_cast<std::uint16_t>(ready));
}

bool PciRegisters::queue_ready() const {
    return mmio_read16(common_ + kQueueEnable) != 0;
}

void PciRegisters::notify(std::uint32_t queue) const {
    // Where a queue that is not there would have its bell.
    const std::uint64_t offset = queue < kBells ? notify_offsets_[queue] : queue % (kPage / 4);
    mmio_write16(notify_ + offset * notify_step_, static_cast<std::uint16_t>(queue));
}

bool PciRegisters::is_register(std::uint64_t offset, unsigned size) {
    if (offset == kDeviceStatus || offset == kGeneration) return size == 1;
    if (offset >= kQueueAreas && offset < kQueueAreasEnd)
        return (size == 4 && offset % 4 == 0) || (size == 8 && offset % 8 == 0);
    if (offset < kConfigVector) return size == 4 && offset % 4 == 0;
    return size == 2 && offset % 2 == 0;
}

std::uint16_t PciRegisters::set_config_vector(std::uint16_t vector) const {
    mmio_write16(common_ + kConfigVector, vector);
    return mmio_read16(common_ + kConfigVector);
}

std::uint16_t PciRegisters::set_queue_vector(std::uint16_t vector) const {
    mmio_write16(common_ + kQueueVector, vector);
    return mmio_read16(common_ + kQueueVector);
}

}  // namespace guest::hostile
