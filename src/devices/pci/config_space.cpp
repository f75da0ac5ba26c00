#include "devices/pci/config_space.hpp"

#include <bit>
#include <cassert>

namespace rvmm::devices::pci {

ConfigSpace::ConfigSpace(const Identity& identity) {
    store(kVendorId, identity.vendor);
    store(kDeviceId, identity.device);
    store(kRevision, identity.class_code << 8 | identity.revision);
    store(kSubsystemVendor, identity.subsystem_vendor);
    store(kSubsystem, identity.subsystem);
    let_write(kCommand,
              static_cast<std::uint16_t>(kCommandMemory | kCommandMaster | kCommandNoIntx));
    let_write(kCacheLine, std::uint8_t{0xff});
    let_write(kInterruptLine, std::uint8_t{0xff});
}

void ConfigSpace::add_bar(unsigned bar, std::uint32_t size) {
    assert(bar < kBarCount && std::has_single_bit(size) && size >= kPageSize4K);
    sizes_[bar] = size;
    let_write(kBars + 4UL * bar, ~(size - 1));
}

std::size_t ConfigSpace::add_capability(std::uint8_t id, ByteSpan body, ByteSpan writable) {
    const std::size_t at = capabilities_end_;
    const std::size_t end = at + 2 + body.size();
    assert(end <= 0x100 && writable.size() <= body.size());
    capabilities_end_ = *align_up(end, 4);
    store(at, id);
    std::ranges::copy(body, bytes_.begin() + static_cast<std::ptrdiff_t>(at + 2));
    std::ranges::copy(writable, writable_.begin() + static_cast<std::ptrdiff_t>(at + 2));
    store(last_link_, static_cast<std::uint8_t>(at));
    last_link_ = at + 1;
    store(kStatus, static_cast<std::uint16_t>(load<std::uint16_t>(kStatus) | kStatusCapabilities));
    return at;
}

void ConfigSpace::read(std::size_t offset, MutableByteSpan data) const {
    std::ranges::copy(ByteSpan(bytes_).subspan(offset, data.size()), data.begin());
}

void ConfigSpace::write(std::size_t offset, ByteSpan data) {
    for (std::size_t i = 0; i < data.size(); ++i) {
        const std::byte writable = writable_[offset + i];
        bytes_[offset + i] = (bytes_[offset + i] & ~writable) | (data[i] & writable);
    }
}

std::optional<IpaRange> ConfigSpace::bar_range(unsigned bar) const {
    if (sizes_[bar] == 0 || (load<std::uint16_t>(kCommand) & kCommandMemory) == 0) return {};
    return IpaRange::make(Ipa{load<std::uint32_t>(kBars + 4UL * bar)}, sizes_[bar]);
}

void ConfigSpace::place_bar(unsigned bar, std::uint32_t address) {
    store(kBars + 4UL * bar, address & ~(sizes_[bar] - 1));
}

}  // namespace rvmm::devices::pci
