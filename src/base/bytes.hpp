// Little-endian loads and stores on byte spans, hex, and byte views of text.
#pragma once

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

/// Loads an unsigned little-endian integer from the front of `bytes`, which holds at least
/// sizeof(T).
template <std::unsigned_integral T>
constexpr T load_le(ByteSpan bytes) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(value | (static_cast<T>(bytes[i]) << (8 * i)));
    return value;
}

/// Stores `value` little-endian at the front of `bytes`, which holds at least sizeof(T).
template <std::unsigned_integral T>
constexpr void store_le(MutableByteSpan bytes, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
        bytes[i] = static_cast<std::byte>((value >> (8 * i)) & 0xff);
}

/// Lower-case hex, two digits a byte, in memory order.
std::string to_hex(ByteSpan bytes);
/// The bytes of an even number of hex digits (either case); nothing for any other text.
std::optional<Bytes> from_hex(std::string_view text);

}  // namespace rvmm
