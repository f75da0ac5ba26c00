#include "devices/virtio/pci_transport.hpp"

#include <bit>

#include "base/log.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr unsigned kStructuresBar = 0;
constexpr unsigned kMsixBar = 1;

// The structures in their BAR, each in a page of its own.
constexpr std::uint32_t kIsr = 0x1000;
constexpr std::uint32_t kDeviceConfig = 0x2000;
constexpr std::uint32_t kDeviceConfigSize = 256;
constexpr std::uint32_t kNotify = 0x3000;
constexpr std::uint32_t kNotifyStep = 4;
constexpr std::uint32_t kStructuresSize = 0x4000;

enum CapabilityType : std::uint8_t {
    kCommonCfg = 1,
    kNotifyCfg = 2,
    kIsrCfg = 3,
    kDeviceCfg = 4,
    kPciCfg = 5
};

// struct virtio_pci_cap (section 4.1.4), as offsets from the capability's start.
constexpr std::size_t kCapLength = 2;
constexpr std::size_t kCapType = 3;
constexpr std::size_t kCapBar = 4;
constexpr std::size_t kCapOffset = 8;
constexpr std::size_t kCapSize = 12;
constexpr std::size_t kCapEnd = 16;
constexpr std::size_t kCapMore = kCapEnd;  // notify_off_multiplier, or pci_cfg_data
constexpr std::size_t kCapMoreEnd = 20;
constexpr std::size_t kCapHeader = 2;  // which ConfigSpace fills in

using CapabilityBody = std::array<std::byte, kCapMoreEnd - kCapHeader>;

/// `more`: what the last four bytes are, for the kinds that have them.
std::size_t add_structure(pci::ConfigSpace& config, CapabilityType type, std::uint32_t offset,
                          std::uint32_t size, std::optional<std::uint32_t> more = {},
                          ByteSpan writable = {}) {
    CapabilityBody body{};
    const auto at = [&](std::size_t field) {
        return MutableByteSpan(body).subspan(field - kCapHeader);
    };
    const std::size_t end = more ? kCapMoreEnd : kCapEnd;
    store_le(at(kCapLength), static_cast<std::uint8_t>(end));
    store_le(at(kCapType), static_cast<std::uint8_t>(type));
    store_le(at(kCapBar), static_cast<std::uint8_t>(kStructuresBar));
    store_le(at(kCapOffset), offset);
    store_le(at(kCapSize), size);
    store_le(at(kCapMore), more.value_or(0));
    return config.add_capability(pci::kCapabilityVendor, ByteSpan(body).first(end - kCapHeader),
                                 writable);
}

std::size_t add_window(pci::ConfigSpace& config) {
    CapabilityBody writable{};
    for (const auto& [from, to] : {std::pair(kCapBar, kCapBar + 1), {kCapOffset, kCapMoreEnd}})
        for (std::size_t i = from; i < to; ++i) writable[i - kCapHeader] = std::byte{0xff};
    return add_structure(config, kPciCfg, 0, 0, 0, writable);
}

/// What operating systems sort the device by (PCI Code and ID Assignment 1.11, chapter 1).
constexpr std::uint32_t class_code(std::uint16_t type) {
    switch (type) {
        case 1:  // network
            return 0x02'0000;
        case 2:  // block: mass storage, other
            return 0x01'8000;
        case 3:   // console
        case 19:  // socket: communication, other
            return 0x07'8000;
        default:
            return 0x00'ff00;
    }
}

}  // namespace

PciTransport::PciTransport(Wiring& wiring, std::uint16_t type)
    : Function({.vendor = 0x1af4,
                .device = static_cast<std::uint16_t>(0x1040 + type),
                .class_code = class_code(type),
                .revision = 1,
                .subsystem_vendor = 0x1af4,
                .subsystem = static_cast<std::uint16_t>(0x1040 + type)}),
      wiring_(wiring) {}

Result<std::shared_ptr<PciTransport>> PciTransport::create(asio::io_context& loop,
                                                           SharedMemory& memory, Wiring& wiring,
                                                           std::shared_ptr<virtio::Device> device,
                                                           pci::Host& host, unsigned slot) {
    const auto queues = static_cast<unsigned>(device->queue_sizes().size());
    const bool has_config = !device->config().empty();
    std::shared_ptr<PciTransport> transport(new PciTransport(wiring, device->type()));
    PciTransport& t = *transport;
    RVMM_TRY(t.msix_, pci::Msix::create(wiring, device->name(), slot << 3, queues + 1));
    t.interrupts_.emplace(*t.msix_, queues);
    RVMM_TRY(t.frontend_, Frontend::create(loop, memory, std::move(device), *t.interrupts_));
    t.common_.emplace(*t.frontend_, *t.interrupts_);
    t.add_structures(has_config);
    RVMM_CHECK(host.add(slot, transport));
    return transport;
}

void PciTransport::add_structures(bool has_config) {
    config().add_bar(kStructuresBar, kStructuresSize);
    msix_->add_to(config(), kMsixBar);
    add_structure(config(), kCommonCfg, 0, PciCommonConfig::kSize);
    add_structure(config(), kIsrCfg, kIsr, 1);
    if (has_config) add_structure(config(), kDeviceCfg, kDeviceConfig, kDeviceConfigSize);
    const std::uint32_t bells = frontend_->queue_count() * kNotifyStep;
    add_structure(config(), kNotifyCfg, kNotify, std::max(bells, kNotifyStep), kNotifyStep);
    window_ = add_window(config());
}

void PciTransport::read_bar(unsigned bar, std::uint64_t offset, MutableByteSpan data) {
    std::ranges::fill(data, std::byte{0});
    if (bar == kMsixBar) return msix_->read(offset, data);
    if (offset < kIsr) return common_->read(offset, data);
    if (offset == kIsr) data[0] = static_cast<std::byte>(interrupts_->take_isr());
    if (offset >= kDeviceConfig && offset < kNotify)
        frontend_->read_config(offset - kDeviceConfig, data);
}

void PciTransport::write_bar(unsigned bar, std::uint64_t offset, ByteSpan data) {
    if (bar == kMsixBar) return msix_->write(offset, data);
    if (offset < kIsr) return common_->write(offset, data);
    // Only if the kernel does not have the doorbell: these exits are what it saves.
    if (offset >= kNotify && offset % kNotifyStep == 0 && data.size() >= sizeof(std::uint16_t))
        return frontend_->notify(static_cast<std::uint32_t>((offset - kNotify) / kNotifyStep));
    if (offset >= kDeviceConfig && offset < kDeviceConfig + kDeviceConfigSize)
        frontend_->write_config(offset - kDeviceConfig, data);
}

void PciTransport::bar_placed(unsigned bar, std::optional<Ipa> base) {
    if (bar != kStructuresBar) return;
    std::erase_if(bells_, [&](const Bell& bell) {
        const auto removed = wiring_.remove_doorbell(bell.doorbell, bell.event);
        check(removed);
        return removed.has_value();
    });
    for (unsigned queue = 0; base && queue < frontend_->queue_count(); ++queue) {
        const Bell bell = {{.address = *base + kNotify + std::uint64_t{queue} * kNotifyStep,
                            .size = sizeof(std::uint16_t)},
                           frontend_->doorbell(queue)};
        if (std::ranges::find(bells_, bell) != bells_.end()) continue;
        const auto added = wiring_.add_doorbell(bell.doorbell, bell.event);
        if (added) bells_.push_back(bell);
        check(added);
    }
}

void PciTransport::check(const Result<>& wired) {
    // A driver can move its BARs as often as it likes.
    if (!wired && !std::exchange(warned_, true))
        warn("{} is notified the slow way: {}", name(), wired.error().message());
}

std::optional<PciTransport::Window> PciTransport::window() {
    const auto bar = config().load<std::uint8_t>(window_ + kCapBar);
    const auto offset = config().load<std::uint32_t>(window_ + kCapOffset);
    const auto size = config().load<std::uint32_t>(window_ + kCapSize);
    if (bar != kStructuresBar || !std::has_single_bit(size) || size > 4) return {};
    if (!is_aligned(offset, size) || offset > kStructuresSize - size) return {};
    return Window{offset, size};
}

void PciTransport::config_reading(std::size_t offset, std::size_t size) {
    if (pci::touches(offset, size, pci::kStatus, sizeof(std::uint16_t)))
        config().store(pci::kStatus,
                       static_cast<std::uint16_t>(
                           pci::kStatusCapabilities |
                           (interrupts_->asserted() ? pci::kStatusInterrupt : std::uint16_t{0})));
    if (!pci::touches(offset, size, window_ + kCapMore, kCapMoreEnd - kCapMore)) return;
    if (const auto shown = window()) {
        std::array<std::byte, 4> data{};
        config().read(window_ + kCapMore, data);
        read_bar(kStructuresBar, shown->offset, MutableByteSpan(data).first(shown->size));
        config().store(window_ + kCapMore, load_le<std::uint32_t>(data));
    }
}

void PciTransport::config_written(std::size_t offset, std::size_t size) {
    msix_->config_written(config(), offset, size);
    if (!pci::touches(offset, size, window_ + kCapMore, kCapMoreEnd - kCapMore)) return;
    if (const auto shown = window()) {
        std::array<std::byte, 4> data{};
        config().read(window_ + kCapMore, data);
        write_bar(kStructuresBar, shown->offset, ByteSpan(data).first(shown->size));
    }
}

}  // namespace rvmm::devices::virtio
