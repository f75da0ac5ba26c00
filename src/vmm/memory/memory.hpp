// Guest memory as the machine sees it: slots for KVM, a loader before the guest starts, and the
// shared view for devices and host calls.
#pragma once

#include <cstdint>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "devices/shared_memory.hpp"

namespace rvmm::vmm {

struct MemorySlot {
    IpaRange range;
    void* host;
};

class Memory {
  public:
    virtual ~Memory() = default;
    /// What KVM is to map. The host ranges live as long as this object.
    virtual std::vector<MemorySlot> slots() const = 0;
    /// Copies whole pages to guest memory. Errors (Stage::kInternal): not in RAM, or after seal().
    virtual Result<> load(Ipa ipa, ByteSpan bytes) = 0;
    /// Ends loading, for good: the guest is about to start.
    virtual void seal() = 0;
    /// What devices and host calls can reach.
    virtual devices::SharedMemory& shared() = 0;
};

}  // namespace rvmm::vmm
