#include "devices/pvpanic.hpp"

#include <algorithm>
#include <array>

namespace rvmm::devices {
namespace {

constexpr std::uint8_t kAllEvents = Pvpanic::kPanicked | Pvpanic::kCrashLoaded | Pvpanic::kShutdown;

constexpr std::array<std::byte, Pvpanic::kSize> kReadValue = [] {
    std::array<std::byte, Pvpanic::kSize> bytes{};
    bytes[Pvpanic::kEvents] = std::byte{kAllEvents};
    store_le(std::span(bytes).subspan(Pvpanic::kStatus), Pvpanic::kMagic);
    return bytes;
}();

/// Of 1 to 8 bytes.
std::uint64_t number_of(ByteSpan data) {
    std::array<std::byte, sizeof(std::uint64_t)> bytes{};
    std::ranges::copy(data.first(std::min(data.size(), bytes.size())), bytes.begin());
    return load_le<std::uint64_t>(bytes);
}

}  // namespace

void Pvpanic::read(std::uint64_t offset, MutableByteSpan data) {
    std::ranges::fill(data, std::byte{0});
    if (offset >= kSize) return;
    const ByteSpan left = ByteSpan(kReadValue).subspan(offset);
    std::ranges::copy(left.first(std::min(left.size(), data.size())), data.begin());
}

void Pvpanic::write(std::uint64_t offset, ByteSpan data) {
    if (data.empty()) return;
    if (offset == kEvents) return happened(std::to_integer<std::uint8_t>(data.front()));
    if (offset != kStatus) return;
    const std::uint64_t status = number_of(data);
    if (status <= kMaxStatus)
        end({.kind = Message::Kind::kStatus, .status = static_cast<std::uint8_t>(status)});
}

void Pvpanic::happened(std::uint8_t events) {
    if ((events & kPanicked) != 0) return end({.kind = Message::Kind::kPanicked});
    if ((events & kCrashLoaded) != 0) {
        if (!crash_loaded_.exchange(true)) listener_({.kind = Message::Kind::kCrashLoaded});
        return;
    }
    if ((events & kShutdown) != 0) end({.kind = Message::Kind::kShutdown});
}

void Pvpanic::end(const Message& message) {
    if (!ended_.exchange(true)) listener_(message);
}

}  // namespace rvmm::devices
