// mmio_reads: what reading a device register costs. On its command line:
//
//   reads=N  reads the UART's scratch register N times, and prints the nanoseconds that one took.
//
// It needs no more of what runs it than a UART that is never busy, PSCI and RAM, so that
// mmio_loop can be compared with rvmm.
#include "console.hpp"
#include "cpu.hpp"
#include "runtime.hpp"

namespace guest {
namespace {

constexpr std::uint64_t kScratch = 0x100'0007;
constexpr std::uint64_t kNoArgument = kFirstGuestStatus;  // 42

struct Counter {
    std::uint64_t ticks;
    std::uint64_t frequency;
};

Counter read_counter() {
    Counter counter;
    asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(counter.ticks) : : "memory");
    asm volatile("mrs %0, cntfrq_el0" : "=r"(counter.frequency));
    return counter;
}

}  // namespace

std::uint64_t guest_main() {
    std::uint64_t reads = 0;
    if (!number_argument("reads=", reads) || reads == 0) return kNoArgument;
    const Counter begin = read_counter();
    for (std::uint64_t i = 0; i < reads; ++i) mmio_read8(kScratch);
    const Counter end = read_counter();
    const std::uint64_t us = (end.ticks - begin.ticks) * 1'000'000 / end.frequency;
    print_line("mmio_reads: ", Decimal{us * 1000 / reads}, " ns each");
    return 0;
}

}  // namespace guest
