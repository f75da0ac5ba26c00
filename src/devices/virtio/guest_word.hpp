// Little-endian words in memory that the guest may change at any time: each is read once, as a
// whole, and the order that the rings need is said at the access.
#pragma once

#include <atomic>
#include <concepts>

#include "base/bytes.hpp"

namespace rvmm::devices::virtio {

/// `at` is aligned to sizeof(T), and within a lease.
template <std::unsigned_integral T>
T load_word(std::byte* at, std::memory_order order = std::memory_order_relaxed) {
    return in_little_endian(std::atomic_ref(*reinterpret_cast<T*>(at)).load(order));
}

template <std::unsigned_integral T>
void store_word(std::byte* at, T value, std::memory_order order = std::memory_order_relaxed) {
    std::atomic_ref(*reinterpret_cast<T*>(at)).store(in_little_endian(value), order);
}

}  // namespace rvmm::devices::virtio
