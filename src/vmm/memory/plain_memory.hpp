// The memory of an ordinary VM: anonymous, all of it open to devices.
#pragma once

#include <memory>

#include "base/mapping.hpp"
#include "vmm/memory/memory.hpp"

namespace rvmm::vmm {

class PlainMemory final : public Memory, private devices::SharedMemory {
  public:
    static Result<std::unique_ptr<PlainMemory>> create(IpaRange ram);

    std::vector<MemorySlot> slots() const override;
    Result<> load(Ipa ipa, ByteSpan bytes) override;
    void seal() override { sealed_ = true; }
    devices::SharedMemory& shared() override { return *this; }

  private:
    Result<> read(Ipa ipa, MutableByteSpan out) override;
    Result<> write(Ipa ipa, ByteSpan bytes) override;
    Result<devices::Lease> lease(Ipa ipa, std::uint64_t size, devices::Access access,
                                 std::string_view holder) override;
    PlainMemory(IpaRange ram, Mapping mapping) : ram_(ram), mapping_(std::move(mapping)) {}
    /// The host memory of [ipa, ipa + size). Errors (Stage::kGuest): not all of it is RAM.
    Result<std::byte*> host(Ipa ipa, std::size_t size) const;

    IpaRange ram_;
    Mapping mapping_;
    bool sealed_ = false;
};

}  // namespace rvmm::vmm
