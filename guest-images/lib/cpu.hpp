// What C++ cannot say: device accesses, barriers, cache maintenance, system registers.
//
// The MMU is off, so all data is Device memory: accesses are aligned, and exclusives are not used.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest {

inline constexpr std::uint64_t kPage = 4096;
/// Aff3, Aff2, Aff1 and Aff0 of an MPIDR_EL1.
inline constexpr std::uint64_t kAffinityMask = 0xff'00ff'ffff;

// Device accesses are single instructions without writeback, which a hypervisor can decode.
inline std::uint8_t mmio_read8(std::uint64_t address) {
    std::uint32_t value;
    asm volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return static_cast<std::uint8_t>(value);
}
inline void mmio_write8(std::uint64_t address, std::uint8_t value) {
    asm volatile("strb %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}
inline std::uint16_t mmio_read16(std::uint64_t address) {
    std::uint32_t value;
    asm volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return static_cast<std::uint16_t>(value);
}
inline void mmio_write16(std::uint64_t address, std::uint16_t value) {
    asm volatile("strh %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}
inline std::uint32_t mmio_read32(std::uint64_t address) {
    std::uint32_t value;
    asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
inline void mmio_write32(std::uint64_t address, std::uint32_t value) {
    asm volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

inline std::uint64_t mmio_read64(std::uint64_t address) {
    std::uint64_t value;
    asm volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
inline void mmio_write64(std::uint64_t address, std::uint64_t value) {
    asm volatile("str %0, [%1]" : : "r"(value), "r"(address) : "memory");
}

inline void barrier() {
    asm volatile("dsb sy" : : : "memory");
}

/// Makes memory that the other side reads or writes through its caches one with what this CPU,
/// which uses none, sees: call it after writing for the other side, and before reading from it.
inline void sync_caches(const void* data, std::size_t size) {
    const auto begin = reinterpret_cast<std::uint64_t>(data);
    constexpr std::uint64_t kSmallestLine = 16;
    for (std::uint64_t at = begin & ~(kSmallestLine - 1); at < begin + size; at += kSmallestLine) {
        asm volatile("dc civac, %0" : : "r"(at) : "memory");
    }
    barrier();
}

/// This CPU's affinity fields.
inline std::uint64_t my_affinity() {
    std::uint64_t mpidr;
    asm volatile("mrs %0, mpidr_el1" : "=r"(mpidr));
    return mpidr & kAffinityMask;
}

/// Milliseconds of the virtual counter.
inline std::uint64_t now_ms() {
    std::uint64_t ticks;
    std::uint64_t frequency;
    asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency == 0 ? 0 : ticks / frequency * 1000 + ticks % frequency * 1000 / frequency;
}

[[noreturn]] inline void wait_forever() {
    for (;;) asm volatile("wfi");
}

}  // namespace guest
