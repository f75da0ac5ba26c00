// A guest's drivers for virtio devices: they find a device in the board's places, and reach it by
// registers, doorbells and interrupts alone. Source: virtio 1.3, sections 4.1, 4.2 and 3.1.
#pragma once

#include <memory>
#include <vector>

#include "realm/layout/board.hpp"
#include "vmm/machine/guest_queue.hpp"

namespace rvmm::vmm {

class VirtioDriver {
  public:
    /// For the device of the board's entry; it is of this type, or the test fails.
    static std::unique_ptr<VirtioDriver> find(LiveGuest& guest, const realm::Board& board,
                                              const realm::VirtioBoard& entry, std::uint16_t type);
    virtual ~VirtioDriver() = default;

    /// Negotiates what `refused` leaves of the device's own features, sets up `queues` queues,
    /// whose rings are in the pages from `rings` on, and says DRIVER_OK.
    void start(std::uint64_t rings, unsigned queues, std::uint64_t refused = 0);
    GuestQueue& queue(unsigned index) { return queues_[index]; }
    void reset() { set_status(0); }

    virtual std::uint8_t status() = 0;
    virtual std::uint64_t config(std::uint64_t offset, std::uint32_t size) = 0;
    /// Rings the doorbell.
    virtual void notify(unsigned queue) = 0;
    /// Whether the queue's interrupt came.
    virtual bool interrupted(unsigned queue) = 0;
    virtual void set_status(std::uint8_t status) = 0;
    /// A reset that nobody waits for.
    virtual void begin_reset() = 0;

  protected:
    explicit VirtioDriver(LiveGuest& guest) : guest_(guest) {}
    virtual std::uint32_t features(std::uint32_t word) = 0;
    virtual void set_features(std::uint32_t word, std::uint32_t value) = 0;
    /// Selects a queue; returns its largest size.
    virtual std::uint16_t select(unsigned index) = 0;
    /// The selected one is this from here on.
    virtual void set_queue(unsigned index, const GuestQueue& queue) = 0;

    LiveGuest& guest_;

  private:
    std::vector<GuestQueue> queues_;
};

}  // namespace rvmm::vmm
