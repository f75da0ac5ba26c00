#include "smp.hpp"

#include "calls.hpp"
#include "cpu.hpp"
#include "machine.hpp"
#include "runtime.hpp"

extern "C" char secondary_entry[];

namespace guest {

/// What a CPU gets in X0 (start.S reads stack_top), and what it says.
struct CpuStart {
    std::uint64_t stack_top;
    volatile std::uint64_t affinity;
    volatile std::uint64_t is_up;
    void (*work)(void*);
    void* argument;
};

namespace {

struct alignas(16) Stack {
    std::uint8_t bytes[1024];
};

CpuStart starts[Machine::kMaxCpus];
[[gnu::section(".noinit.stacks")]] Stack stacks[Machine::kMaxCpus];

constexpr std::int64_t kAlreadyOn = -4;

std::int64_t start_cpu(std::size_t index) {
    starts[index].stack_top = reinterpret_cast<std::uint64_t>(&stacks[index] + 1);
    barrier();
    return psci(kPsciCpuOn, machine().cpus[index], reinterpret_cast<std::uint64_t>(secondary_entry),
                reinterpret_cast<std::uint64_t>(&starts[index]));
}

void report_up(CpuStart& start) {
    start.affinity = my_affinity();
    barrier();
    start.is_up = 1;
    barrier();
}

bool wait_for(const CpuStart& start, std::uint64_t deadline_ms) {
    while (start.is_up == 0) {
        if (now_ms() > deadline_ms) return false;
        asm volatile("yield");
    }
    barrier();
    return true;
}

}  // namespace

CpuReport start_all_cpus(std::uint64_t timeout_ms) {
    using Failure = CpuReport::Failure;
    const std::uint64_t deadline = now_ms() + timeout_ms;
    const Machine& m = machine();
    bool listed = false;
    for (std::size_t i = 0; i < m.cpu_count; ++i) {
        if (m.cpus[i] == my_affinity()) {
            listed = true;
            report_up(starts[i]);
        } else if (start_cpu(i) != 0) {
            return {Failure::kRefused, m.cpus[i], 0};
        }
    }
    if (!listed) return {Failure::kNotListed, my_affinity(), 0};
    for (std::size_t i = 0; i < m.cpu_count; ++i) {
        if (!wait_for(starts[i], deadline)) return {Failure::kSilent, m.cpus[i], i};
        if (starts[i].affinity != m.cpus[i]) return {Failure::kMisnamed, m.cpus[i], i};
    }
    return {Failure::kNone, 0, m.cpu_count};
}

bool start_on(std::size_t index, void (*work)(void*), void* argument, std::uint64_t timeout_ms) {
    const std::uint64_t deadline = now_ms() + timeout_ms;
    starts[index].work = work;
    starts[index].argument = argument;
    std::int64_t result = 0;
    do {
        result = start_cpu(index);
    } while (result == kAlreadyOn && now_ms() < deadline);
    return result == 0;
}

extern "C" [[noreturn]] void guest_secondary(CpuStart* start) {
    report_up(*start);
    if (start->work != nullptr) start->work(start->argument);
    psci(kPsciCpuOff);
    wait_forever();
}

}  // namespace guest
