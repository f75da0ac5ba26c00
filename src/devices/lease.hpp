// A lease: shared guest memory that a device uses directly, for the time of one I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/bytes.hpp"

namespace rvmm::devices {

/// What a device does with guest memory: it reads it, or writes it.
enum class Access : std::uint8_t { kRead, kWrite };

/// Move-only; gives the memory back when it ends, on any thread. While it lives the bytes stay
/// where they are and stay shared: a conversion to private waits for it, and only so long, so a
/// device lets go as soon as the I/O is done. The guest may change the bytes at any time.
class Lease {
  public:
    /// Who gave a lease, and takes it back. Outlives it.
    class Giver {
      public:
        virtual void take_back(std::size_t ticket) = 0;

      protected:
        ~Giver() = default;
    };

    /// A lease of nothing.
    Lease() = default;
    /// Of memory that is never converted, so that nobody has to know when it ends.
    explicit Lease(MutableByteSpan bytes) : bytes_(bytes) {}
    Lease(Giver& giver, std::size_t ticket, MutableByteSpan bytes)
        : giver_(&giver), ticket_(ticket), bytes_(bytes) {}
    Lease(Lease&& other) noexcept { swap(other); }
    Lease& operator=(Lease&& other) noexcept {
        Lease(std::move(other)).swap(*this);
        return *this;
    }
    ~Lease() {
        if (giver_ != nullptr) giver_->take_back(ticket_);
    }

    /// One contiguous piece of host memory; not to be written to if access was asked for reading.
    MutableByteSpan bytes() const { return bytes_; }

  private:
    void swap(Lease& other) noexcept {
        std::swap(giver_, other.giver_);
        std::swap(ticket_, other.ticket_);
        std::swap(bytes_, other.bytes_);
    }

    Giver* giver_ = nullptr;
    std::size_t ticket_ = 0;
    MutableByteSpan bytes_;
};

}  // namespace rvmm::devices
