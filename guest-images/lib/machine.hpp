// The machine as its device tree describes it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "console.hpp"

namespace guest {

struct Range {
    std::uint64_t base;
    std::uint64_t size;
    std::uint64_t end() const { return base + size; }
};

struct Machine {
    static constexpr std::size_t kMaxCpus = 512;
    static constexpr std::size_t kMaxRanges = 8;

    Range ram[kMaxRanges];
    std::size_t ram_count;
    std::uint64_t cpus[kMaxCpus];  // affinity fields, in the tree's order
    std::size_t cpu_count;
    Range fdt;
    Range pvpanic;  // without a size: there is none
    bool psci_is_hvc;
    Text bootargs;  // in the tree
};

/// What the tree at `fdt` says. False if it is broken, or names no memory, no CPU or too many.
bool read_machine(std::uint64_t fdt, Machine& out);

/// The pages of this guest: its file, its memory, its stacks.
Range image_range();

}  // namespace guest
