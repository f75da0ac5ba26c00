// This process's memory as a kernel sees it: what cannot be reached is an error, not a signal.
#pragma once

#include <cstring>
#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace rvmm::vmm::fake {

/// copy_from_user, copy_to_user: false is EFAULT.
bool read_user(std::uint64_t address, MutableByteSpan out);
bool write_user(std::uint64_t address, ByteSpan bytes);

/// A small record that a call points to; for speed only an address near NULL is EFAULT.
template <class T>
std::optional<T> record_at(std::uint64_t address) {
    if (address < 4096) return std::nullopt;
    T record;
    std::memcpy(&record, reinterpret_cast<const void*>(address), sizeof record);
    return record;
}
template <class T>
void store_record(std::uint64_t address, const T& record) {
    std::memcpy(reinterpret_cast<void*>(address), &record, sizeof record);
}

/// All of [address, address + size), as /proc/self/maps shows it.
struct Backing {
    bool mapped = true;       // no holes
    bool writable = true;     // all of it
    bool shared = true;       // MAP_SHARED
    bool huge_pages = false;  // some of it may be backed by transparent huge pages
};
Backing backing_of(std::uint64_t address, std::uint64_t size);
/// With `huge_pages`, which is slow: it has the kernel look at every page of the process.
Backing full_backing_of(std::uint64_t address, std::uint64_t size);

}  // namespace rvmm::vmm::fake
