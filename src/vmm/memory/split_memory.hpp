// The two halves of an emulated realm's memory, on two different files in memory, so that a page's
// content never survives a conversion and nothing but the realm reaches what it has not shared.
//
//   guest address        host view          file behind it
//   ipa (protected)      trusted_           private file; the shared file where the page is EMPTY
//   ipa | shared bit     open_              shared file, always
//
// A page is the realm's: 4 KiB, on a host with larger pages too. Where a page of the HOST is EMPTY
// as a whole it shows the shared file through the plain address too, because the kernel itself
// reads ITS tables there (the guest shares them, in blocks of 64 KiB, and then programs plain
// addresses). Each such run costs up to two host mappings, of which a process has 65,530. So the
// number of runs is bounded: beyond the bound, and where only a part of a host page is EMPTY, a
// page keeps its (scrubbed) private file page behind the plain address, which no guest may look at
// anyway: on hardware it faults.
//
// Other vCPUs run while one converts, and both addresses stay mapped. What holds all the same:
//   * What was private is never in the shared file, for nothing copies between the files.
//   * No device is on a page that turns private: its leases have ended, and the copying views
//     wait for the conversion.
//   * What a vCPU writes to a page while it is converted, or by an address that would fault on
//     hardware, may be there afterwards. It is that guest's own, and on the side that it wrote to.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/fault_guard.hpp"
#include "base/mapping.hpp"
#include "base/page_size.hpp"
#include "base/unique_fd.hpp"
#include "realm/rmm/software_rmm.hpp"
#include "vmm/memory/lease_table.hpp"
#include "vmm/memory/memory.hpp"
#include "vmm/memory/range_set.hpp"

namespace rvmm::vmm {

/// Thread-safe.
class SplitMemory final : public Memory {
  public:
    /// A bound that leaves most of this system's vm.max_map_count to others.
    static std::size_t default_run_limit();

    struct Options {
        /// Bounds the runs whose plain address shows the shared file.
        std::size_t run_limit = default_run_limit();
        /// Bytes; a multiple of the real size.
        std::uint64_t host_page = host_page_size();
        /// With leases in flight.
        std::chrono::milliseconds patience = LeaseTable::kPatience;
    };
    /// `ram` is whole pages of the host's below `shared_bit` (1 << (ipa_bits - 1)).
    static Result<std::unique_ptr<SplitMemory>> create(IpaRange ram, std::uint64_t shared_bit,
                                                       const Options& options);

    std::vector<MemorySlot> slots() const override;
    Result<> load(Ipa ipa, ByteSpan bytes) override;
    void seal() override { sealed_ = true; }
    devices::SharedMemory& shared() override { return shared_view_; }
    /// What the realm trusts: for the software RMM alone.
    realm::RealmMemory& trusted() { return trusted_view_; }

    /// Turns whole pages EMPTY or RAM; what they held is gone, on both sides. Pages that already
    /// are what is asked for stay untouched. To RAM it begins with exclude(), as of which it may
    /// wait and fail. Errors (Stage::kLaunch): the host is out of memory or mappings. The range
    /// lies in RAM.
    Result<> convert(IpaRange range, realm::Ripas to);
    /// Ends the leases on `range` (plain addresses), and keeps it free of them: LeaseTable. For who
    /// holds locks in convert() that are better not held while waiting; convert() waits no more.
    Result<LeaseTable::Exclusion> exclude(IpaRange range) { return leases_.exclude(range); }

    /// The machine stops: a conversion waits no more for leases in flight, and fails instead.
    void stop_waiting() { leases_.stop_waiting(); }

    struct Counters {
        std::uint64_t conversions = 0;  // calls of convert() that changed something
        std::uint64_t converted_bytes = 0;
        std::uint64_t refused_accesses = 0;  // to memory of the other half
        std::uint64_t shared_bytes = 0;      // now
        std::size_t mapped_runs = 0;
    };
    Counters counters() const;

  private:
    using Run = RangeSet::Run;

    /// One half's view: copies only where every page is in that half.
    class View final : public devices::SharedMemory, public realm::RealmMemory {
      public:
        View(SplitMemory& memory, bool shared) : memory_(memory), shared_(shared) {}
        Result<> read(Ipa ipa, MutableByteSpan out) override;
        Result<> write(Ipa ipa, ByteSpan bytes) override;
        Result<devices::Lease> lease(Ipa ipa, std::uint64_t size, devices::Access access,
                                     std::string_view holder) override;

      private:
        SplitMemory& memory_;
        bool shared_;
    };

    SplitMemory(IpaRange ram, std::uint64_t shared_bit, const Options& options,
                UniqueFd trusted_file, UniqueFd open_file, Mapping trusted, Mapping open,
                std::array<FaultGuard, 2> guards);

    // All with mutex_ held. A Run is of offsets into RAM.

    /// The host memory of a range of one half.
    Result<std::byte*> host(Ipa ipa, std::size_t size, bool shared);
    bool all_in_half(Run run, bool shared) const;
    /// The host pages that `run` touches.
    Run outward(Run run) const;
    /// `run`, and the rest of its first and last host page where that is of the same half.
    Run grown(Run run, bool shared) const;
    Result<> to_empty(Run run);
    Result<> to_ram(Run run);
    Result<> show_shared(Run run);
    Result<> hide_shared(Run run);
    Result<> map(Run run, int file);
    Result<> scrub(int file, Run run);

    IpaRange ram_;
    std::uint64_t shared_bit_;
    Options options_;
    UniqueFd trusted_file_;
    UniqueFd open_file_;
    Mapping trusted_;
    Mapping open_;
    std::array<FaultGuard, 2> guards_;  // of both
    View shared_view_{*this, true};
    View trusted_view_{*this, false};
    bool sealed_ = false;

    LeaseTable leases_;  // on plain addresses; locked after mutex_, and waited for without it
    mutable std::mutex mutex_;
    RangeSet empty_;  // offsets of pages that are shared
    RangeSet
        shown_;  // of whole host pages, all in empty_, whose plain address shows the shared file
    Counters counters_;
};

}  // namespace rvmm::vmm
