// The only memory of a guest that devices and host calls can reach: what the guest has shared. In
// an ordinary VM that is all of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "devices/lease.hpp"

namespace rvmm::devices {

class SharedMemory {
  public:
    virtual ~SharedMemory() = default;
    /// Copies out of and into shared memory. `ipa` may carry the realm's shared bit or not. Errors
    /// (Stage::kGuest; nothing is copied): a byte of the range is no RAM, or is private.
    virtual Result<> read(Ipa ipa, MutableByteSpan out) = 0;
    virtual Result<> write(Ipa ipa, ByteSpan bytes) = 0;
    /// Shared memory to use in place, for the time of one I/O. `holder` names the device in errors
    /// and outlives the lease, as this object does. Errors (Stage::kGuest): a byte of the range is
    /// no RAM, is private, or is about to become private.
    virtual Result<Lease> lease(Ipa ipa, std::uint64_t size, Access access,
                                std::string_view holder) = 0;
};

}  // namespace rvmm::devices
