// The driver's side of a virtqueue in the memory of a LiveGuest.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vmm/machine/live_guest.hpp"

namespace rvmm::vmm {

struct GuestBuffer {
    std::uint64_t address;  // plain
    std::uint32_t length;
    bool device_writes = false;
};

/// The rings lie in the page at `page`, which is shared.
class GuestQueue {
  public:
    static constexpr std::uint16_t kMaxSize = 64;

    GuestQueue(LiveGuest& guest, std::uint64_t page, std::uint16_t size);

    std::uint16_t size() const { return size_; }
    std::uint64_t descriptors() const { return page_; }
    std::uint64_t driver() const { return page_ + 2048; }
    std::uint64_t device() const { return page_ + 3072; }

    /// Makes a chain available, through the next descriptors, which must be free.
    void offer(const std::vector<GuestBuffer>& buffers);
    /// Waits until the device has used one more chain; returns how much it wrote to it.
    std::optional<std::uint32_t> wait_used();

  private:
    std::atomic_ref<std::uint16_t> index(std::uint64_t ring) const;

    LiveGuest& guest_;
    std::uint64_t page_;
    std::uint16_t size_;
    std::uint16_t next_ = 0;
    std::uint16_t available_ = 0;
    std::uint16_t seen_ = 0;
};

}  // namespace rvmm::vmm
