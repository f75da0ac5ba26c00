// Accesses to registers at any alignment.
#include <initializer_list>

#include "access.hpp"
#include "cases.hpp"
#include "unaligned.hpp"

namespace guest::hostile {
namespace {

/// Calls action(offset, size) for all accesses within `span` that are not aligned.
template <class Action>
void for_each_unaligned(std::uint64_t span, Action action) {
    for (const unsigned size : {2U, 4U, 8U}) {
        for (std::uint64_t at = 0; at + size <= span; ++at) {
            if (at % size != 0) action(at, size);
        }
    }
}

/// The same bytes, wherever a read begins.
bool reads_alike(std::uint64_t base, unsigned span) {
    bool good = true;
    for_each_unaligned(span, [&](std::uint64_t at, unsigned size) {
        std::uint64_t bytes = 0;
        for (unsigned i = size; i-- > 0;) bytes = bytes << 8 | mmio_read8(base + at + i);
        good = read_sized(base + at, size) == bytes && good;
    });
    return good;
}

void write_all(std::uint64_t base, std::uint64_t span) {
    for_each_unaligned(span, [&](std::uint64_t at, unsigned size) {
        write_sized(base + at, size, ones(size));
        write_sized(base + at, size, 0);
    });
}

void functions(Bench& bench) {
    const PciRegisters& pci = bench.device().transport().pci();
    bench.harmless({"unaligned", "configuration space of the function"}, [&] {
        const UnalignedAccesses scope;
        write_all(pci.function() + 0x2c, 8);
        read_sized(pci.function() - 1, 2);
        read_sized(pci.function() + kPage - 1, 2);
        write_sized(pci.function() + kPage - 3, 8, ~std::uint64_t{0});
        return reads_alike(pci.function(), 0x48);
    });
    bench.harmless({"unaligned", "MSI-X, and over the ends of BARs"}, [&] {
        const UnalignedAccesses scope;
        write_all(pci.msix_table(), 24);
        for (const std::uint64_t page : {pci.base(), pci.isr(), pci.notify_base()}) {
            read_sized(page + kPage - 1, 2);
            read_sized(page - 1, 8);
            write_sized(page + kPage - 1, 8, ~std::uint64_t{0});
        }
        return true;
    });
}

}  // namespace

void unaligned_cases(Bench& bench) {
    const Transport& transport = bench.device().transport();
    bench.harmless({"unaligned", "registers"}, [&] {
        const UnalignedAccesses scope;
        bool all_zero = true;
        for_each_unaligned(0x80, [&](std::uint64_t at, unsigned size) {
            if (read_sized(transport.base() + at, size) != 0) all_zero = false;
        });
        write_all(transport.base(), 0x80);
        return all_zero;
    });
    if (transport.config() != 0) {
        bench.harmless({"unaligned", "configuration"}, [&] {
            const UnalignedAccesses scope;
            write_all(transport.config(), 16);
            return reads_alike(transport.config(), 20);
        });
    }
    if (transport.is_pci()) {
        functions(bench);
        return;
    }
    bench.harmless({"unaligned", "over the ends of the frame"}, [&] {
        const UnalignedAccesses scope;
        for (const unsigned size : {2U, 4U, 8U}) {
            read_sized(transport.base() + MmioRegisters::kConfigOffset - 1, size);
            read_sized(transport.base() + 0x200 - 1, size);
            write_sized(transport.base() - 1, size, ones(size));
            write_sized(transport.base() + MmioRegisters::kConfigOffset - 1, size, 0);
        }
        return true;
    });
}

}  // namespace guest::hostile
