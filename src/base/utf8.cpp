#include "base/utf8.hpp"

#include <cstdint>

namespace rvmm {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) {
    return static_cast<unsigned char>(text[i]);
}

// Bytes of the character at the front of `text`, which is not empty; 0 if it is not well formed.
std::size_t character_size(std::string_view text) {
    const unsigned first = byte_at(text, 0);
    if (first < 0x80) return 1;
    const std::size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size == 0 || first > 0xf4 || text.size() < size) return 0;
    std::uint32_t code = first & (0x7fU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
        code = (code << 6) | (byte_at(text, i) & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    return surrogate || overlong || code > 0x10ffff ? 0 : size;
}

}  // namespace

std::size_t utf8_prefix(std::string_view text) {
    std::size_t used = 0;
    while (used < text.size()) {
        const std::size_t size = character_size(text.substr(used));
        if (size == 0) break;
        used += size;
    }
    return used;
}

}  // namespace rvmm
