#include <algorithm>

#include "devices/device.hpp"

namespace rvmm::devices {

Result<> Bus::add(IpaRange window, std::shared_ptr<Device> device) {
    if (window.empty()) return fail(Stage::kInternal, "device {} has no registers", device->name());
    for (const Entry& entry : entries_)
        if (entry.window.overlaps(window))
            return fail(Stage::kInternal, "devices {} and {} overlap at {:#x}",
                        entry.device->name(), device->name(), window.base().value);
    const auto place = std::ranges::upper_bound(
        entries_, window.base(), {}, [](const Entry& entry) { return entry.window.base(); });
    entries_.insert(place, Entry{window, std::move(device)});
    return {};
}

const Bus::Entry* Bus::find(Ipa address, std::size_t length) const {
    auto entry = std::ranges::upper_bound(entries_, address, {},
                                          [](const Entry& e) { return e.window.base(); });
    if (entry == entries_.begin()) return nullptr;
    --entry;
    const auto access = IpaRange::make(address, length);
    return access && entry->window.contains(*access) ? &*entry : nullptr;
}

bool Bus::read(Ipa address, MutableByteSpan data) const {
    std::ranges::fill(data, std::byte{0});
    const Entry* entry = find(address, data.size());
    if (entry == nullptr) return false;
    entry->device->read(address - entry->window.base(), data);
    return true;
}

bool Bus::write(Ipa address, ByteSpan data) const {
    const Entry* entry = find(address, data.size());
    if (entry == nullptr) return false;
    entry->device->write(address - entry->window.base(), data);
    return true;
}

}  // namespace rvmm::devices
