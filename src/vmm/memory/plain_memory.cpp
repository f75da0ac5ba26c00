#include "vmm/memory/plain_memory.hpp"

#include <cstring>

namespace rvmm::vmm {

Result<std::unique_ptr<PlainMemory>> PlainMemory::create(IpaRange ram) {
    RVMM_TRY(auto mapping, Mapping::create("guest memory", ram.size(), PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1));
    return std::unique_ptr<PlainMemory>(new PlainMemory(ram, std::move(mapping)));
}

std::vector<MemorySlot> PlainMemory::slots() const {
    return {{ram_, mapping_.data()}};
}

Result<std::byte*> PlainMemory::host(Ipa ipa, std::size_t size) const {
    const auto range = IpaRange::make(ipa, size);
    if (!range || !ram_.contains(*range))
        return fail(Stage::kGuest, "{} bytes at {:#x} are not in RAM", size, ipa.value);
    return mapping_.data() + (ipa - ram_.base());
}

Result<> PlainMemory::load(Ipa ipa, ByteSpan bytes) {
    if (sealed_) return fail(Stage::kInternal, "guest memory is loaded after the launch");
    auto done = write(ipa, bytes);
    if (!done) return std::unexpected(std::move(done).error().with_stage(Stage::kInternal));
    return {};
}

Result<> PlainMemory::read(Ipa ipa, MutableByteSpan out) {
    RVMM_TRY(const std::byte* from, host(ipa, out.size()));
    std::memcpy(out.data(), from, out.size());
    return {};
}

Result<> PlainMemory::write(Ipa ipa, ByteSpan bytes) {
    RVMM_TRY(std::byte * to, host(ipa, bytes.size()));
    std::memcpy(to, bytes.data(), bytes.size());
    return {};
}

Result<devices::Lease> PlainMemory::lease(Ipa ipa, std::uint64_t size, devices::Access /*access*/,
                                          std::string_view /*holder*/) {
    RVMM_TRY(std::byte * bytes, host(ipa, size));
    return devices::Lease(MutableByteSpan(bytes, size));
}

}  // namespace rvmm::vmm
