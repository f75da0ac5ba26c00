#include "console.hpp"

#include "cpu.hpp"

namespace guest {
namespace {

constexpr std::uint64_t kUartBase = 0x100'0000;
constexpr std::uint64_t kTransmit = 0;    // THR
constexpr std::uint64_t kLineStatus = 5;  // LSR
constexpr std::uint8_t kTransmitEmpty = 0x20;

std::uint64_t alias_bit;

constexpr char digit(std::uint64_t value) {
    return static_cast<char>(value < 10 ? '0' + value : 'a' + value - 10);
}

}  // namespace

void use_console_alias(std::uint64_t shared_bit) {
    alias_bit = shared_bit;
}

void put(char character) {
    const std::uint64_t uart = kUartBase | alias_bit;
    while ((mmio_read8(uart + kLineStatus) & kTransmitEmpty) == 0) {
    }
    mmio_write8(uart + kTransmit, static_cast<std::uint8_t>(character));
}

void put(const char* text) {
    for (; *text != 0; ++text) put(*text);
}

void put(Text text) {
    for (std::size_t i = 0; i < text.size; ++i) put(text.data[i]);
}

void put(Decimal number) {
    char digits[20];
    std::size_t count = 0;
    do {
        digits[count++] = digit(number.value % 10);
        number.value /= 10;
    } while (number.value != 0);
    while (count != 0) put(digits[--count]);
}

void put(Hex number) {
    int shift = 60;
    while (shift > 0 && (number.value >> shift) == 0) shift -= 4;
    put("0x");
    for (; shift >= 0; shift -= 4) put(digit(number.value >> shift & 0xf));
}

void put(HexBytes bytes) {
    for (std::size_t i = 0; i < bytes.size; ++i) {
        put(digit(bytes.data[i] >> 4));
        put(digit(bytes.data[i] & 0xf));
    }
}

}  // namespace guest
