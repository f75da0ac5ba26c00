#include "devices/virtio/mmio_transport.hpp"

namespace rvmm::devices::virtio {
namespace {

enum Register : std::uint64_t {
    kMagicValue = 0x000,
    kVersion = 0x004,
    kDeviceId = 0x008,
    kVendorId = 0x00c,
    kDeviceFeatures = 0x010,
    kDeviceFeaturesSel = 0x014,
    kDriverFeatures = 0x020,
    kDriverFeaturesSel = 0x024,
    kQueueSel = 0x030,
    kQueueSizeMax = 0x034,
    kQueueSize = 0x038,
    kQueueReady = 0x044,
    kQueueNotify = 0x050,
    kInterruptStatus = 0x060,
    kInterruptAck = 0x064,
    kStatus = 0x070,
    kQueueDescLow = 0x080,
    kQueueDescHigh = 0x084,
    kQueueDriverLow = 0x090,
    kQueueDriverHigh = 0x094,
    kQueueDeviceLow = 0x0a0,
    kQueueDeviceHigh = 0x0a4,
    kShmLenLow = 0x0b0,
    kShmBaseHigh = 0x0bc,
    kConfigGeneration = 0x0fc,
    kConfig = 0x100,
};
constexpr std::uint32_t kMagic = 0x7472'6976;   // "virt"
constexpr std::uint32_t kVendor = 0x6d6d'7672;  // "rvmm"
constexpr std::uint32_t kUsedBuffer = 1U << 0;
constexpr std::uint32_t kConfigurationChange = 1U << 1;

}  // namespace

Result<std::shared_ptr<MmioTransport>> MmioTransport::create(asio::io_context& loop,
                                                             SharedMemory& memory, Wiring& wiring,
                                                             std::shared_ptr<virtio::Device> device,
                                                             const Place& place) {
    RVMM_TRY(auto interrupt, Event::create(device->name()));
    std::shared_ptr<MmioTransport> transport(new MmioTransport(std::move(interrupt)));
    RVMM_TRY(transport->frontend_, Frontend::create(loop, memory, std::move(device), *transport));
    RVMM_CHECK(wiring.connect_spi(place.spi, transport->interrupt_.fd()));
    for (unsigned queue = 0; queue < transport->frontend_->queue_count(); ++queue)
        RVMM_CHECK(wiring.add_doorbell({.address = place.registers.base() + kQueueNotify,
                                        .size = sizeof(std::uint32_t),
                                        .value = queue},
                                       transport->frontend_->doorbell(queue)));
    return transport;
}

void MmioTransport::read(std::uint64_t offset, MutableByteSpan data) {
    if (offset >= kConfig) return frontend_->read_config(offset - kConfig, data);
    if (data.size() == sizeof(std::uint32_t)) store_le(data, read_register(offset));
}

void MmioTransport::write(std::uint64_t offset, ByteSpan data) {
    if (offset >= kConfig) return frontend_->write_config(offset - kConfig, data);
    if (data.size() == sizeof(std::uint32_t)) write_register(offset, load_le<std::uint32_t>(data));
}

std::uint32_t MmioTransport::read_register(std::uint64_t offset) const {
    const std::uint32_t queue = selected_queue_;
    switch (offset) {
        case kMagicValue:
            return kMagic;
        case kVersion:
            return 2;
        case kDeviceId:
            return frontend_->type();
        case kVendorId:
            return kVendor;
        case kDeviceFeatures:
            return frontend_->device_features(device_features_word_);
        case kQueueSizeMax:
            return frontend_->max_queue_size(queue);
        case kQueueReady:
            return frontend_->queue_ready(queue) ? 1 : 0;
        case kInterruptStatus:
            return interrupt_status_;
        case kStatus:
            return frontend_->status();
        case kConfigGeneration:
            return frontend_->config_generation();
        default:
            // There is no shared memory region: its base and length read as all ones.
            return offset >= kShmLenLow && offset <= kShmBaseHigh ? UINT32_MAX : 0;
    }
}

void MmioTransport::write_register(std::uint64_t offset, std::uint32_t value) {
    switch (offset) {
        case kDeviceFeaturesSel:
            device_features_word_ = value;
            return;
        case kDriverFeatures:
            return frontend_->set_driver_features(driver_features_word_, value);
        case kDriverFeaturesSel:
            driver_features_word_ = value;
            return;
        case kQueueSel:
            selected_queue_ = value;
            return;
        case kQueueNotify:
            return frontend_->notify(value);
        case kInterruptAck:
            interrupt_status_ &= ~value;
            return;
        case kStatus:
            frontend_->set_status(static_cast<std::uint8_t>(value));
            // Linux's driver takes the device for reset as soon as this write is done.
            if (value == 0) {
                frontend_->wait_for_reset();
                interrupt_status_ = 0;
            }
            return;
        default:
            write_queue_register(offset, value);
    }
}

void MmioTransport::write_queue_register(std::uint64_t offset, std::uint32_t value) {
    using Area = Frontend::Area;
    const std::uint32_t queue = selected_queue_;
    switch (offset) {
        case kQueueSize:
            return frontend_->set_queue_size(queue, value);
        case kQueueReady:
            return frontend_->set_queue_ready(queue, value == 1);
        case kQueueDescLow:
        case kQueueDescHigh:
            return frontend_->set_queue_address(queue, Area::kDescriptors, offset == kQueueDescHigh,
                                                value);
        case kQueueDriverLow:
        case kQueueDriverHigh:
            return frontend_->set_queue_address(queue, Area::kDriver, offset == kQueueDriverHigh,
                                                value);
        case kQueueDeviceLow:
        case kQueueDeviceHigh:
            return frontend_->set_queue_address(queue, Area::kDevice, offset == kQueueDeviceHigh,
                                                value);
        default:
            return;
    }
}

void MmioTransport::queue_used(unsigned) {
    raise(kUsedBuffer);
}

void MmioTransport::config_changed() {
    raise(kConfigurationChange);
}

void MmioTransport::raise(std::uint32_t cause) {
    interrupt_status_ |= cause;
    interrupt_.raise();
}

}  // namespace rvmm::devices::virtio
