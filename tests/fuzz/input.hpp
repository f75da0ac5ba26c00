// What fuzz targets share: the input as numbers or as changes to something good, and what must
// hold.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"

namespace rvmm::fuzz {

inline void require(bool condition) {
    if (!condition) std::abort();
}

/// Each three bytes of `edits` replace one byte: where (little-endian), and by what.
inline Bytes changed(Bytes bytes, ByteSpan edits) {
    for (; edits.size() >= 3; edits = edits.subspan(3))
        bytes[load_le<std::uint16_t>(edits) % bytes.size()] = edits[2];
    return bytes;
}

/// Bytes of the input as numbers; zero when they are used up.
class Input {
  public:
    explicit Input(ByteSpan bytes) : bytes_(bytes) {}
    bool empty() const { return bytes_.empty(); }
    std::uint64_t number(std::size_t size) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < size && !bytes_.empty(); ++i, bytes_ = bytes_.subspan(1))
            value |= std::to_integer<std::uint64_t>(bytes_[0]) << (8 * i);
        return value;
    }

  private:
    ByteSpan bytes_;
};

}  // namespace rvmm::fuzz
