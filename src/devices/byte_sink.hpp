// Where a device's output bytes go.
#pragma once

#include "base/bytes.hpp"

namespace rvmm::devices {

/// Any thread may call it; it never waits.
class ByteSink {
  public:
    virtual ~ByteSink() = default;
    /// Takes all of `bytes`, or nothing if there is no room for all of them: then false.
    virtual bool put(ByteSpan bytes) = 0;
};

}  // namespace rvmm::devices
