// A small guest memory, for drivers that are tests or fuzzers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>

#include "devices/shared_memory.hpp"

namespace rvmm::devices::virtio {

/// RAM of 4 KiB pages, of which some may be private. Counts what is leased.
class TestMemory final : public SharedMemory, private Lease::Giver {
  public:
    static constexpr std::uint64_t kBase = 0x8000'0000;
    static constexpr std::uint64_t kSharedBit = 1ULL << 39;

    explicit TestMemory(std::size_t pages) : bytes_(pages * kPageSize4K) {}

    Result<> read(Ipa ipa, MutableByteSpan out) override;
    Result<> write(Ipa ipa, ByteSpan bytes) override;
    Result<Lease> lease(Ipa ipa, std::uint64_t size, Access access,
                        std::string_view holder) override;

    void make_private(std::size_t page) { private_.insert(page); }
    std::size_t leases() const { return leases_; }
    std::size_t most_leases() const { return most_leases_; }
    /// What the driver itself reads and writes.
    MutableByteSpan at(std::uint64_t ipa, std::size_t size);

  private:
    void take_back(std::size_t) override { --leases_; }
    Result<std::byte*> host(Ipa ipa, std::uint64_t size);

    Bytes bytes_;
    std::set<std::size_t> private_;
    std::size_t leases_ = 0;
    std::size_t most_leases_ = 0;
};

inline Result<std::byte*> TestMemory::host(Ipa ipa, std::uint64_t size) {
    const auto ram = *IpaRange::make(Ipa{kBase}, bytes_.size());
    const auto range = IpaRange::make(Ipa{ipa.value & ~kSharedBit}, size);
    if (!range || !ram.contains(*range))
        return fail(Stage::kGuest, "no RAM at {:#x}, {} bytes", ipa.value, size);
    const std::uint64_t offset = range->base() - ram.base();
    for (const std::size_t page : private_)
        if (range->overlaps(*IpaRange::make(Ipa{kBase + page * kPageSize4K}, kPageSize4K)))
            return fail(Stage::kGuest, "private memory at {:#x}", ipa.value);
    return bytes_.data() + offset;
}

inline Result<> TestMemory::read(Ipa ipa, MutableByteSpan out) {
    RVMM_TRY(const std::byte* from, host(ipa, out.size()));
    std::ranges::copy_n(from, static_cast<std::ptrdiff_t>(out.size()), out.begin());
    return {};
}

inline Result<> TestMemory::write(Ipa ipa, ByteSpan bytes) {
    RVMM_TRY(std::byte * to, host(ipa, bytes.size()));
    std::ranges::copy(bytes, to);
    return {};
}

inline Result<Lease> TestMemory::lease(Ipa ipa, std::uint64_t size, Access, std::string_view) {
    RVMM_TRY(std::byte * at, host(ipa, size));
    most_leases_ = std::max(most_leases_, ++leases_);
    return Lease(*this, 0, MutableByteSpan(at, size));
}

inline MutableByteSpan TestMemory::at(std::uint64_t ipa, std::size_t size) {
    return MutableByteSpan(bytes_).subspan(ipa - kBase, size);
}

}  // namespace rvmm::devices::virtio
