// A realm's memory on a CCA host: a guest_memfd for the private half, which nothing on the host can
// touch, and a memfd for what the realm shares. Each page is in one of the two, and is told to KVM.
//
// Source: shared facts, kvm-realm-abi.md sections 3.2 to 3.4, kvm-realm-abi-v10.md section 6.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "base/fault_guard.hpp"
#include "base/mapping.hpp"
#include "base/unique_fd.hpp"
#include "devices/shared_memory.hpp"
#include "vmm/cca/revision.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/memory/lease_table.hpp"
#include "vmm/memory/range_set.hpp"

namespace rvmm::vmm::cca {

/// Thread-safe once the guest runs; stage() and drop_staged() are for before.
class GuestMemory final : public devices::SharedMemory {
  public:
    struct Options {
        IpaRange ram;              // whole host pages, below `shared_bit`
        std::uint64_t shared_bit;  // 1 << (ipa_bits - 1)
        std::uint64_t page_size;   // bytes, the host's
        AttributesOn attributes;
        std::chrono::milliseconds lease_patience = LeaseTable::kPatience;
    };
    /// Makes both halves and the VM's one memory slot; all pages are private. `vm` outlives the
    /// last call of convert().
    static Result<std::unique_ptr<GuestMemory>> create(const kvm::Vm& vm, const Options& options);

    enum class State : std::uint8_t { kPrivate, kShared };

    /// Makes the pages of `range` that are RAM what they are not yet; the rest of it is passed
    /// over, for a guest can ask for anything. What pages held is gone, on both sides. A conversion
    /// to private waits for devices that use the pages. Returns the bytes that changed.
    /// Errors: Stage::kGuest for a range that is not whole pages; Stage::kLaunch where the kernel
    /// refuses, or a device does not let go: the realm cannot go on then.
    Result<std::uint64_t> convert(IpaRange range, State to);

    /// Copies whole pages to where v10's POPULATE takes them from, the shared half.
    Result<> stage(Ipa ipa, ByteSpan bytes);
    /// Takes them away again. 0, or the errno.
    int drop_staged(Ipa ipa, std::uint64_t size);

    Result<> read(Ipa ipa, MutableByteSpan out) override;
    Result<> write(Ipa ipa, ByteSpan bytes) override;
    Result<devices::Lease> lease(Ipa ipa, std::uint64_t size, devices::Access access,
                                 std::string_view holder) override;

    /// The machine stops: a conversion waits no more for leases in flight, and fails instead.
    void stop_waiting() { leases_.stop_waiting(); }
    std::uint64_t shared_bit() const { return options_.shared_bit; }

    struct Counters {
        std::uint64_t conversions = 0;  // calls of convert() that changed something
        std::uint64_t converted_bytes = 0;
        std::uint64_t refused_accesses = 0;
        std::uint64_t shared_bytes = 0;  // now
    };
    Counters counters() const;

  private:
    using Run = RangeSet::Run;

    GuestMemory(const kvm::Vm& vm, const Options& options, UniqueFd private_file,
                UniqueFd shared_file, Mapping shared, FaultGuard guard);
    Result<> add_slot();
    Result<> set_attributes(Run run, State to);
    long set_attributes_once(Run run, State to, std::uint64_t& failed_at);
    Result<> punch(const UniqueFd& file, Run run, std::string_view half);
    Result<> to_shared(Run run);
    Result<> to_private(Run run);
    /// The shared memory of a range, with mutex_ held.
    Result<std::byte*> host(Ipa ipa, std::uint64_t size);
    Ipa ipa_of(std::uint64_t offset) const { return options_.ram.base() + offset; }

    const kvm::Vm& vm_;
    const Options options_;
    UniqueFd private_file_;
    UniqueFd shared_file_;
    Mapping shared_;
    FaultGuard guard_;
    LeaseTable leases_;

    mutable std::mutex mutex_;
    RangeSet shared_runs_;  // offsets of pages that are shared
    Counters counters_;
};

}  // namespace rvmm::vmm::cca
