// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace rvmm {

/// How many bytes at the front of `text` are whole, well-formed characters: text.size() if all are.
std::size_t utf8_prefix(std::string_view text);

inline bool is_utf8(std::string_view text) {
    return utf8_prefix(text) == text.size();
}

}  // namespace rvmm
