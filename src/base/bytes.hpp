// Little-endian loads and stores on byte spans, hex, and byte views of text.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rvmm {

using Bytes = std::vector<std::byte>;
using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

inline ByteSpan as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

/// `value` with its bytes in little-endian order, or back.
template <std::unsigned_integral T>
constexpr T in_little_endian(T value) {
    return std::endian::native == std::endian::little ? value : std::byteswap(value);
}

/// Loads an unsigned little-endian integer from the front of `bytes`, which holds at least
/// sizeof(T).
template <std::unsigned_integral T>
constexpr T load_le(ByteSpan bytes) {
    std::array<std::byte, sizeof(T)> stored{};
    std::ranges::copy(bytes.first(sizeof(T)), stored.begin());
    return in_little_endian(std::bit_cast<T>(stored));
}

/// Stores `value` little-endian at the front of `bytes`, which holds at least sizeof(T).
template <std::unsigned_integral T>
constexpr void store_le(MutableByteSpan bytes, T value) {
    const auto stored = std::bit_cast<std::array<std::byte, sizeof(T)>>(in_little_endian(value));
    std::ranges::copy(stored, bytes.begin());
}

/// Lower-case hex, two digits a byte, in memory order.
std::string to_hex(ByteSpan bytes);
/// The bytes of an even number of hex digits (either case); nothing for any other text.
std::optional<Bytes> from_hex(std::string_view text);

}  // namespace rvmm
