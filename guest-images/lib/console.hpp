// The console: a 16550 at 0x1000000, in a realm through the shared alias. Output only, polled.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest {

/// Bytes that somebody else owns; no terminator.
struct Text {
    const char* data;
    std::size_t size;
};
struct Decimal {
    std::uint64_t value;
};
struct Hex {
    std::uint64_t value;
};
/// Bytes in memory order, two lower-case digits each.
struct HexBytes {
    const std::uint8_t* data;
    std::size_t size;
};

/// Reaches the UART at its address | `shared_bit` from now on.
void use_console_alias(std::uint64_t shared_bit);

void put(char character);
void put(const char* text);
void put(Text text);
void put(Decimal number);
void put(Hex number);
void put(HexBytes bytes);

/// Prints the parts and ends the line (CR LF).
template <class... Parts>
void print_line(Parts... parts) {
    (put(parts), ...);
    put("\r\n");
}

}  // namespace guest
