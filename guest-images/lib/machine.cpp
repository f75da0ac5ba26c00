#include "machine.hpp"

#include "cpu.hpp"
#include "fdt.hpp"

extern "C" char image_start[];
extern "C" char image_end[];

namespace guest {
namespace {

enum class Section : std::uint8_t { kOther, kChosen, kMemory, kCpus, kPsci, kPvpanic };

Section section_of(Text name) {
    if (equals(name, "chosen")) return Section::kChosen;
    if (equals(name, "memory") || starts_with(name, "memory@")) return Section::kMemory;
    if (equals(name, "cpus")) return Section::kCpus;
    if (equals(name, "psci")) return Section::kPsci;
    if (starts_with(name, "pvpanic@")) return Section::kPvpanic;
    return Section::kOther;
}

/// Follows a reader and keeps what matters. Depth 1 is the root's own properties.
class MachineBuilder {
  public:
    explicit MachineBuilder(Machine& machine) : machine_{machine} {}

    void begin(Text name) {
        ++depth_;
        if (depth_ == 2) section_ = section_of(name);
        if (depth_ == 3) in_cpu_ = section_ == Section::kCpus && starts_with(name, "cpu@");
    }
    bool end() {
        if (depth_ == 0) return false;
        --depth_;
        return true;
    }

    /// False if the property is one that matters and cannot be taken.
    bool property(const FdtReader& fdt) {
        if (depth_ == 1) return read_cell_count(fdt, root_cells_);
        if (depth_ == 3 && in_cpu_ && equals(fdt.name(), "reg")) return add_cpu(fdt);
        if (depth_ != 2) return true;
        if (section_ == Section::kCpus) return read_cell_count(fdt, cpu_cells_);
        if (section_ == Section::kMemory && equals(fdt.name(), "reg")) return add_memory(fdt);
        if (section_ == Section::kPvpanic && equals(fdt.name(), "reg")) {
            return read_range(fdt, 0, machine_.pvpanic);
        }
        if (section_ == Section::kChosen && equals(fdt.name(), "bootargs")) {
            machine_.bootargs = fdt.value();
        }
        if (section_ == Section::kPsci && equals(fdt.name(), "method")) {
            machine_.psci_is_hvc = starts_with(fdt.value(), "hvc");
        }
        return true;
    }

  private:
    struct CellCounts {
        std::uint64_t address;
        std::uint64_t size;
    };

    static bool read_cell_count(const FdtReader& fdt, CellCounts& counts) {
        if (equals(fdt.name(), "#address-cells")) return fdt.read_cells(0, 1, counts.address);
        if (equals(fdt.name(), "#size-cells")) return fdt.read_cells(0, 1, counts.size);
        return true;
    }

    bool add_cpu(const FdtReader& fdt) {
        std::uint64_t mpidr = 0;
        if (machine_.cpu_count == Machine::kMaxCpus) return false;
        if (!fdt.read_cells(0, cpu_cells_.address, mpidr)) return false;
        machine_.cpus[machine_.cpu_count++] = mpidr & kAffinityMask;
        return true;
    }

    /// A range of a "reg" from word `at`.
    bool read_range(const FdtReader& fdt, std::size_t at, Range& range) const {
        return fdt.read_cells(at, root_cells_.address, range.base) &&
               fdt.read_cells(at + root_cells_.address, root_cells_.size, range.size) &&
               range.end() >= range.base;
    }

    bool add_memory(const FdtReader& fdt) {
        const std::uint64_t step = root_cells_.address + root_cells_.size;
        for (std::size_t at = 0; at * 4 < fdt.value_size(); at += step) {
            Range range{};
            if (machine_.ram_count == Machine::kMaxRanges) return false;
            if (!read_range(fdt, at, range)) return false;
            machine_.ram[machine_.ram_count++] = range;
        }
        return true;
    }

    Machine& machine_;
    unsigned depth_ = 0;
    Section section_ = Section::kOther;
    bool in_cpu_ = false;
    CellCounts root_cells_{2, 1};
    CellCounts cpu_cells_{2, 1};
};

}  // namespace

bool read_machine(std::uint64_t fdt, Machine& out) {
    FdtReader reader;
    if (!reader.open(fdt)) return false;
    out.fdt = {fdt, reader.total_size()};
    MachineBuilder builder{out};
    for (;;) {
        switch (reader.next()) {
            case FdtReader::Event::kNode:
                builder.begin(reader.name());
                break;
            case FdtReader::Event::kEndNode:
                if (!builder.end()) return false;
                break;
            case FdtReader::Event::kProperty:
                if (!builder.property(reader)) return false;
                break;
            case FdtReader::Event::kDone:
                return out.ram_count != 0 && out.cpu_count != 0;
            case FdtReader::Event::kBroken:
                return false;
        }
    }
}

Range image_range() {
    const auto base = reinterpret_cast<std::uint64_t>(image_start);
    return {base, reinterpret_cast<std::uint64_t>(image_end) - base};
}

}  // namespace guest
