#include "unaligned.hpp"

#include <cstddef>
#include <cstdint>

#include "cpu.hpp"
#include "rsi.hpp"

namespace guest::hostile {
namespace {

// Arm ARM, D8.3: tables of 4 KiB granules, from level 0 on; level 1 has blocks of 1 GiB.
constexpr unsigned kAddressBits = 48;
constexpr std::size_t kEntries = 512;
constexpr unsigned kLevel0Shift = 39;
constexpr unsigned kLevel1Shift = 30;
constexpr std::uint64_t kTable = 3;
// Accessed, outer shareable, attribute 0.
constexpr std::uint64_t kBlock = 1 | std::uint64_t{1} << 10 | std::uint64_t{2} << 8;
constexpr std::uint64_t kNormalNotCached = 0x44;
constexpr std::uint64_t kTcr = (64 - kAddressBits) | std::uint64_t{1} << 23;  // no upper half
constexpr unsigned kTcrSizeShift = 32;
constexpr std::uint64_t kMostSize = 5;  // 48 bits
constexpr std::uint64_t kTranslate = 1;
constexpr std::uint64_t kMappedGib = 4;

struct alignas(kPage) Table {
    std::uint64_t entries[kEntries];
};
Table level0;
Table level1[2];  // the lower 4 GiB, and their alias

void map_gib(unsigned table, std::uint64_t address) {
    level0.entries[address >> kLevel0Shift] =
        reinterpret_cast<std::uint64_t>(&level1[table]) | kTable;
    level1[table].entries[(address >> kLevel1Shift) % kEntries] = address | kBlock;
}

void make_tables() {
    const std::uint64_t shared_bit = realm().shared_bit;
    const unsigned alias = shared_bit >> kLevel0Shift == 0 ? 0 : 1;
    for (std::uint64_t i = 0; i < kMappedGib; ++i) {
        map_gib(0, i << kLevel1Shift);
        map_gib(alias, i << kLevel1Shift | shared_bit);
    }
}

std::uint64_t physical_size() {
    std::uint64_t features;
    asm volatile("mrs %0, id_aa64mmfr0_el1" : "=r"(features));
    const std::uint64_t size = features & 0xf;
    return size < kMostSize ? size : kMostSize;
}

void set_translation(bool on) {
    std::uint64_t control;
    asm volatile("mrs %0, sctlr_el1" : "=r"(control));
    control = on ? control | kTranslate : control & ~kTranslate;
    asm volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" : : : "memory");
    asm volatile("msr sctlr_el1, %0\n\tisb" : : "r"(control) : "memory");
}

}  // namespace

UnalignedAccesses::UnalignedAccesses() {
    make_tables();
    barrier();
    asm volatile("msr mair_el1, %0" : : "r"(kNormalNotCached));
    asm volatile("msr tcr_el1, %0" : : "r"(kTcr | physical_size() << kTcrSizeShift));
    asm volatile("msr ttbr0_el1, %0" : : "r"(&level0));
    set_translation(true);
}

UnalignedAccesses::~UnalignedAccesses() {
    set_translation(false);
}

}  // namespace guest::hostile
