// Who uses which shared pages at this moment, and how a conversion to private gets them back.
//
//   a device                          a conversion
//   take(): refused if excluded       exclude(): 1. no new leases on the range from here on
//   ... the I/O ...                              2. waits, bounded, for those in flight
//   the lease ends                    convert; the exclusion ends: the page's state refuses by now
//
// It knows ranges only, no backing: every kind of memory that converts uses it in the same way. A
// memory looks at a page's state and takes the lease under one lock of its own, and converts under
// that lock; it calls exclude() before, without it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "devices/lease.hpp"

namespace rvmm::vmm {

/// Thread-safe. Outlives its leases and exclusions.
class LeaseTable final : private devices::Lease::Giver {
  public:
    static constexpr std::chrono::milliseconds kPatience{5000};

    /// `patience`: how long exclude() waits for leases in flight.
    explicit LeaseTable(std::chrono::milliseconds patience = kPatience) : patience_(patience) {}
    LeaseTable(const LeaseTable&) = delete;
    LeaseTable& operator=(const LeaseTable&) = delete;

    /// A lease of `range`, whose bytes lie at `host`. Never waits. `holder` names the device in
    /// errors and outlives the lease. Errors (Stage::kGuest): a part of the range is excluded.
    Result<devices::Lease> take(IpaRange range, std::byte* host, devices::Access access,
                                std::string_view holder);

    /// While it lives no lease that overlaps its range exists. Move-only.
    class Exclusion {
      public:
        Exclusion(Exclusion&& other) noexcept
            : table_(std::exchange(other.table_, nullptr)), id_(other.id_) {}
        Exclusion& operator=(Exclusion&&) = delete;
        ~Exclusion() {
            if (table_ != nullptr) table_->admit(id_);
        }

      private:
        friend class LeaseTable;
        Exclusion(LeaseTable& table, std::uint64_t id) : table_(&table), id_(id) {}
        LeaseTable* table_;
        std::uint64_t id_;
    };

    /// Refuses new leases on `range` and waits for those in flight. Exclusions may overlap. The
    /// caller holds no lock that a device needs to finish its I/O, and no lease on the range.
    /// Errors (Stage::kLaunch): a lease outlived the patience; the message names its address and
    /// its holder, and leases on the range can be had again.
    Result<Exclusion> exclude(IpaRange range);

    /// The machine stops: nobody waits for a lease from here on. What waits fails at once.
    void stop_waiting();

    /// Leases in flight.
    std::size_t lease_count() const;

  private:
    struct Entry {
        IpaRange range;
        devices::Access access = devices::Access::kRead;
        std::string_view holder;
        bool used = false;
    };
    struct Excluded {
        std::uint64_t id;
        IpaRange range;
    };

    void take_back(std::size_t ticket) override;
    void admit(std::uint64_t exclusion);
    /// With mutex_ held: one of the leases that overlap `range`, or none.
    const Entry* lease_on(const IpaRange& range) const;
    void remove_exclusion(std::uint64_t id);

    const std::chrono::milliseconds patience_;
    mutable std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<Entry> entries_;      // a lease's ticket is its index
    std::vector<std::size_t> spare_;  // tickets that are free
    std::vector<Excluded> excluded_;
    std::uint64_t next_exclusion_ = 0;
    bool stopped_ = false;
};

}  // namespace rvmm::vmm
