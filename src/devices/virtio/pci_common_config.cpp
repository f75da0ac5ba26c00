#include "devices/virtio/pci_common_config.hpp"

namespace rvmm::devices::virtio {
namespace {

enum Field : std::uint64_t {
    kDeviceFeatureSelect = 0x00,
    kDeviceFeature = 0x04,
    kDriverFeatureSelect = 0x08,
    kDriverFeature = 0x0c,
    kConfigMsixVector = 0x10,
    kNumQueues = 0x12,
    kDeviceStatus = 0x14,
    kPciConfigGeneration = 0x15,
    kQueueSelect = 0x16,
    kPciQueueSize = 0x18,
    kQueueMsixVector = 0x1a,
    kQueueEnable = 0x1c,
    kQueueNotifyOff = 0x1e,
    kQueueAddresses = 0x20,  // descriptor, driver and device areas: 64 bits each
    kQueueAddressesEnd = 0x38,
    // Then fields of features that are not offered: queue_notify_data, queue_reset, admin queues.
};

/// The size to access the field at `offset` with, 4 for a half of 64 bits; 0 if there is none.
constexpr std::size_t field_size(std::uint64_t offset) {
    if (offset == kDeviceStatus || offset == kPciConfigGeneration) return 1;
    if (offset < kConfigMsixVector || (offset >= kQueueAddresses && offset < kQueueAddressesEnd))
        return offset % 4 == 0 ? 4 : 0;
    return offset < kQueueAddresses && offset % 2 == 0 ? 2 : 0;
}

constexpr bool is_address(std::uint64_t offset, std::size_t size) {
    return size == 8 && offset >= kQueueAddresses && offset < kQueueAddressesEnd && offset % 8 == 0;
}

constexpr Frontend::Area area_at(std::uint64_t offset) {
    return static_cast<Frontend::Area>((offset - kQueueAddresses) / 8);
}
static_assert(area_at(0x28) == Frontend::Area::kDriver);

}  // namespace

void PciCommonConfig::read(std::uint64_t offset, MutableByteSpan data) {
    if (is_address(offset, data.size())) {
        read(offset, data.first(4));
        return read(offset + 4, data.subspan(4));
    }
    std::ranges::fill(data, std::byte{0});
    if (data.size() != field_size(offset)) return;
    std::array<std::byte, 4> value{};
    store_le(MutableByteSpan(value), read_field(offset));
    std::ranges::copy_n(value.begin(), static_cast<std::ptrdiff_t>(data.size()), data.begin());
}

void PciCommonConfig::write(std::uint64_t offset, ByteSpan data) {
    if (is_address(offset, data.size())) {
        write(offset, data.first(4));
        return write(offset + 4, data.subspan(4));
    }
    if (data.size() != field_size(offset)) return;
    std::array<std::byte, 4> value{};
    std::ranges::copy(data, value.begin());
    write_field(offset, load_le<std::uint32_t>(value));
}

std::uint32_t PciCommonConfig::read_field(std::uint64_t offset) {
    switch (offset) {
        case kDeviceFeatureSelect:
            return device_features_word_;
        case kDeviceFeature:
            return frontend_.device_features(device_features_word_);
        case kDriverFeatureSelect:
            return driver_features_word_;
        case kDriverFeature:
            return frontend_.driver_features(driver_features_word_);
        case kConfigMsixVector:
            return interrupts_.config_vector();
        case kNumQueues:
            return frontend_.queue_count();
        case kDeviceStatus: {
            const std::uint8_t status = frontend_.status();
            // What was in flight may have interrupted after the reset was asked for.
            if (status == 0) interrupts_.take_isr();
            return status;
        }
        case kPciConfigGeneration:
            return frontend_.config_generation();
        default:
            return read_queue_field(offset);
    }
}

std::uint32_t PciCommonConfig::read_queue_field(std::uint64_t offset) const {
    const std::uint32_t queue = selected_queue_;
    switch (offset) {
        case kQueueSelect:
            return queue;
        case kPciQueueSize:
            return frontend_.queue_size(queue);
        case kQueueMsixVector:
            return interrupts_.queue_vector(queue);
        case kQueueEnable:
            return frontend_.queue_ready(queue) ? 1 : 0;
        case kQueueNotifyOff:
            return queue < frontend_.queue_count() ? queue : 0;
        default:
            if (offset >= kQueueAddressesEnd) return 0;
            return frontend_.queue_address(queue, area_at(offset), offset % 8 != 0);
    }
}

void PciCommonConfig::write_field(std::uint64_t offset, std::uint32_t value) {
    switch (offset) {
        case kDeviceFeatureSelect:
            device_features_word_ = value;
            return;
        case kDriverFeatureSelect:
            driver_features_word_ = value;
            return;
        case kDriverFeature:
            return frontend_.set_driver_features(driver_features_word_, value);
        case kConfigMsixVector:
            return interrupts_.set_config_vector(static_cast<std::uint16_t>(value));
        case kDeviceStatus:
            return set_status(static_cast<std::uint8_t>(value));
        case kQueueSelect:
            selected_queue_ = static_cast<std::uint16_t>(value);
            return;
        default:
            write_queue_field(offset, value);
    }
}

void PciCommonConfig::write_queue_field(std::uint64_t offset, std::uint32_t value) {
    const std::uint32_t queue = selected_queue_;
    switch (offset) {
        case kPciQueueSize:
            return frontend_.set_queue_size(queue, value);
        case kQueueMsixVector:
            return interrupts_.set_queue_vector(queue, static_cast<std::uint16_t>(value));
        case kQueueEnable:
            // Only a reset takes a queue from the device.
            if (value == 1) frontend_.set_queue_ready(queue, true);
            return;
        default:
            if (offset >= kQueueAddresses && offset < kQueueAddressesEnd)
                frontend_.set_queue_address(queue, area_at(offset), offset % 8 != 0, value);
    }
}

void PciCommonConfig::set_status(std::uint8_t value) {
    // A reset is done when the status reads as 0, which drivers wait for.
    frontend_.set_status(value);
    if (value == 0) interrupts_.reset();
}

}  // namespace rvmm::devices::virtio
