// The device's side of a split virtqueue: the one place where an address that a driver wrote turns
// into host memory. Source: virtio 1.3, section 2.7; notification suppression: 2.7.7 and 2.7.10.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "devices/shared_memory.hpp"
#include "devices/virtio/chain.hpp"

namespace rvmm::devices::virtio {

/// Where the driver says that a queue lies. The addresses may carry the realm's shared bit.
struct QueueSetup {
    std::uint16_t size = 0;  // entries: a power of two, 1 to 32768
    Ipa descriptors;         // 16 bytes an entry, aligned to 16
    Ipa driver;              // the available ring, aligned to 2
    Ipa device;              // the used ring, aligned to 4
    bool indirect = false;   // VIRTIO_F_INDIRECT_DESC was negotiated
    bool event_idx = false;  // VIRTIO_F_EVENT_IDX was
};

/// Used by one thread at a time. What the driver got wrong is an error of Stage::kGuest, after
/// which the queue is broken for good: the device then says DEVICE_NEEDS_RESET. Outlives its
/// chains.
class Queue {
  public:
    /// Descriptors of one chain that uses an indirect table; one that does not has at most size.
    static constexpr std::size_t kMaxIndirect = 1024;
    /// Bytes of one chain.
    static constexpr std::uint64_t kMaxBytes = 64ULL << 20;

    /// `memory` outlives the queue, `holder` (the device's name) too. Errors (Stage::kGuest): a
    /// size or an alignment that the specification does not allow, an area outside shared memory.
    static Result<Queue> create(SharedMemory& memory, std::string_view holder,
                                const QueueSetup& setup);

    /// The rings, leased: short, or a conversion waits for it. Take what there is, complete what is
    /// done, and end it, before the queue moves.
    class Batch {
      public:
        /// The next chain that the driver made available, if there is one.
        Result<std::optional<Chain>> next();
        /// Gives a chain back: its leases end, then the driver sees it as used. `written`: how many
        /// of its writable bytes, from the first on, hold what the device wrote.
        void complete(Chain chain, std::uint32_t written);
        /// As complete(), but the driver sees it only with the next complete(): a packet over
        /// several chains.
        void fill(Chain chain, std::uint32_t written);
        /// Undoes next(): the chain is there to take again. Of several, the last one first; a chain
        /// that was taken later must not have been completed.
        void put_back(Chain chain);
        /// Whether the driver wants an interrupt for what was completed since this was last asked.
        bool wants_interrupt();
        /// Asks the driver not to notify, which it may do all the same.
        void disarm();
        /// Asks for a notification of what comes; true if something came meanwhile: look again.
        bool rearm();

      private:
        friend class Queue;
        Batch(Queue& queue, Lease descriptors, Lease driver, Lease device)
            : queue_(queue),
              descriptors_(std::move(descriptors)),
              driver_(std::move(driver)),
              device_(std::move(device)) {}

        std::byte* driver(std::size_t offset) const { return driver_.bytes().data() + offset; }
        std::byte* device(std::size_t offset) const { return device_.bytes().data() + offset; }

        Queue& queue_;
        Lease descriptors_;
        Lease driver_;
        Lease device_;
    };
    /// Errors (Stage::kGuest): the rings are not shared memory any more, or the queue is broken.
    Result<Batch> begin();

    bool broken() const { return broken_; }
    std::uint16_t size() const { return setup_.size; }
    /// Chains that next() gave and that were not completed: at most size.
    std::uint16_t in_flight() const { return in_flight_; }

  private:
    struct Descriptor {
        std::uint64_t address;
        std::uint32_t length;
        std::uint16_t flags;
        std::uint16_t next;
    };

    Queue(SharedMemory& memory, std::string_view holder, const QueueSetup& setup)
        : memory_(&memory), holder_(holder), setup_(setup) {}

    /// The chain that starts at `head`; `table` is the queue's own.
    Result<Chain> follow(std::uint16_t head, const Lease& table);
    /// Follows a chain through a table. `load` reads a descriptor, once; what `indirect` answers to
    /// one that is INDIRECT is the end.
    struct Table {
        std::string_view what;
        std::size_t size;
        std::size_t first;
    };
    template <typename Load, typename Indirect>
    Result<> walk(Chain& chain, const Table& table, const Load& load,
                  const Indirect& indirect) const;
    Result<> append(Chain& chain, const Descriptor& descriptor) const;
    Result<> append_indirect(Chain& chain, const Descriptor& last);
    static Descriptor decode(std::uint64_t first, std::uint64_t second);
    Result<Lease> lease_area(Ipa area, std::uint64_t size, Access access);
    std::unexpected<Error> breaks(Error error);

    SharedMemory* memory_;
    std::string_view holder_;
    QueueSetup setup_;
    // Free-running, as the rings' own indices are.
    std::uint16_t next_available_ = 0;
    std::uint16_t next_used_ = 0;
    std::uint16_t asked_ = 0;  // next_used_ when wants_interrupt() was last called
    std::uint16_t in_flight_ = 0;
    bool broken_ = false;
    // Kept, so that a request allocates nothing.
    std::vector<std::vector<Lease>> spare_parts_;
    Bytes indirect_;
};

}  // namespace rvmm::devices::virtio
