// The two halves of an emulated realm's memory, on two different files in memory, so that a page's
// content never survives a conversion and nothing but the realm reaches what it has not shared.
//
//   guest address        host view          file behind it
//   ipa (protected)      trusted_           private file; the shared file where the page is EMPTY
//   ipa | shared bit     open_              shared file, always
//
// A page that turns EMPTY shows the shared file through the plain address too, because the kernel
// itself reads ITS tables there (the guest shares them and then programs plain addresses). Each
// such run costs up to two host mappings, of which a process has 65,530. So the number of runs is
// bounded: beyond the bound a page keeps its (scrubbed) private file page behind the plain address,
// which no guest may look at anyway: on hardware it faults.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "base/mapping.hpp"
#include "base/unique_fd.hpp"
#include "realm/rmm/software_rmm.hpp"
#include "vmm/memory/memory.hpp"
#include "vmm/memory/range_set.hpp"

namespace rvmm::vmm {

/// Thread-safe.
class SplitMemory final : public Memory {
  public:
    /// `ram` is whole pages below `shared_bit` (1 << (ipa_bits - 1)). `run_limit` bounds the runs
    /// of pages whose plain address shows the shared file.
    static Result<std::unique_ptr<SplitMemory>> create(IpaRange ram, std::uint64_t shared_bit,
                                                       std::size_t run_limit);
    /// A bound that leaves most of this system's vm.max_map_count to others.
    static std::size_t default_run_limit();

    std::vector<MemorySlot> slots() const override;
    Result<> load(Ipa ipa, ByteSpan bytes) override;
    void seal() override { sealed_ = true; }
    devices::SharedMemory& shared() override { return shared_view_; }
    /// What the realm trusts: for the software RMM alone.
    realm::RealmMemory& trusted() { return trusted_view_; }

    /// Turns whole pages EMPTY or RAM; what they held is gone, on both sides. Pages that already
    /// are what is asked for stay untouched. Errors (Stage::kLaunch): the host is out of memory or
    /// mappings. The range lies in RAM.
    Result<> convert(IpaRange range, realm::Ripas to);

    struct Counters {
        std::uint64_t conversions = 0;  // calls of convert() that changed something
        std::uint64_t converted_bytes = 0;
        std::uint64_t refused_accesses = 0;  // to memory of the other half
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

      private:
        SplitMemory& memory_;
        bool shared_;
    };

    SplitMemory(IpaRange ram, std::uint64_t shared_bit, std::size_t run_limit,
                UniqueFd trusted_file, UniqueFd open_file, Mapping trusted, Mapping open);

    /// The host memory of a range of one half, with mutex_ held.
    Result<std::byte*> host(Ipa ipa, std::size_t size, bool shared);
    Result<> to_empty(Run run);
    Result<> to_ram(Run run);
    Result<> show(Run run, int file);
    Result<> scrub(int file, Run run);

    IpaRange ram_;
    std::uint64_t shared_bit_;
    std::size_t run_limit_;
    UniqueFd trusted_file_;
    UniqueFd open_file_;
    Mapping trusted_;
    Mapping open_;
    View shared_view_{*this, true};
    View trusted_view_{*this, false};
    bool sealed_ = false;

    mutable std::mutex mutex_;
    RangeSet empty_;  // offsets of pages that are shared
    RangeSet shown_;  // offsets of pages whose plain address shows the shared file
    Counters counters_;
};

}  // namespace rvmm::vmm
