// What the compiler takes for granted. Bytes at a time, so that nothing is unaligned.
#include <cstddef>
#include <cstdint>

extern "C" void* memset(void* target, int value, std::size_t size) {
    auto* bytes = static_cast<volatile std::uint8_t*>(target);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(value);
    return target;
}

extern "C" void* memcpy(void* target, const void* source, std::size_t size) {
    auto* out = static_cast<volatile std::uint8_t*>(target);
    const auto* in = static_cast<const std::uint8_t*>(source);
    for (std::size_t i = 0; i < size; ++i) out[i] = in[i];
    return target;
}
