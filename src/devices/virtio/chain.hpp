// One request of a driver: the guest memory that a descriptor chain names, leased and in order.
// Source: virtio 1.3, sections 2.7.4 (message framing) and 2.7.5 (descriptor table).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "devices/lease.hpp"

namespace rvmm::devices::virtio {

/// Move-only; only a Queue makes one, and takes it back when the device is done with it. What it
/// leases stays where it is and shared for so long, and may be changed by the guest at any time: a
/// device copies out what it decides on, once. One that is destroyed instead is never completed.
class Chain {
  public:
    Chain(Chain&&) noexcept = default;
    Chain& operator=(Chain&&) noexcept = default;

    /// What the device may read, then what it may write: pieces of at least a byte, in order.
    std::span<const Lease> readable() const { return std::span(parts_).first(readable_count_); }
    std::span<const Lease> writable() const { return std::span(parts_).subspan(readable_count_); }
    /// Bytes of each; together at most the queue's limit.
    std::uint64_t readable_size() const { return readable_size_; }
    std::uint64_t writable_size() const { return writable_size_; }

    /// Copies from the readable bytes at `offset`, as many as there are; returns how many.
    std::size_t read(std::uint64_t offset, MutableByteSpan out) const;
    /// Copies to the writable bytes at `offset`, as many as fit; returns how many.
    std::size_t write(std::uint64_t offset, ByteSpan bytes) const;

  private:
    friend class Queue;
    Chain(std::uint16_t head, std::vector<Lease> parts) : head_(head), parts_(std::move(parts)) {}
    void add(Lease lease, Access access);

    std::uint16_t head_;
    std::vector<Lease> parts_;
    std::size_t readable_count_ = 0;
    std::uint64_t readable_size_ = 0;
    std::uint64_t writable_size_ = 0;
};

}  // namespace rvmm::devices::virtio
