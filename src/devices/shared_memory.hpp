// The only memory of a guest that devices and host calls can reach: what the guest has shared. In
// an ordinary VM that is all of it.
#pragma once

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::devices {

class SharedMemory {
  public:
    virtual ~SharedMemory() = default;
    /// Copies out of and into shared memory. `ipa` may carry the realm's shared bit or not. Errors
    /// (Stage::kGuest; nothing is copied): a byte of the range is no RAM, or is private.
    virtual Result<> read(Ipa ipa, MutableByteSpan out) = 0;
    virtual Result<> write(Ipa ipa, ByteSpan bytes) = 0;
};

}  // namespace rvmm::devices
