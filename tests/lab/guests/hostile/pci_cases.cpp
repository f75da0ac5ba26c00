// What a driver can do to a PCI function: its configuration space, its BARs, its MSI-X.
#include <initializer_list>

#include "access.hpp"
#include "cases.hpp"
#include "pool.hpp"
#include "requests.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint64_t kConfigSpace = 4096;
constexpr unsigned kBars = 2;  // that a virtio function has here
constexpr std::uint8_t kWindowBars[] = {0, 1, 5, 255};
constexpr std::uint64_t kMarker = 0x5ec2'e700'5ec2'e700;

/// What of a function the cases change.
struct Saved {
    std::uint16_t command;
    std::uint32_t bars[kPciBarCount];
};

Saved save(std::uint64_t function) {
    Saved saved{};
    saved.command = mmio_read16(function + kPciCommand);
    for (unsigned i = 0; i < kPciBarCount; ++i)
        saved.bars[i] = mmio_read32(function + kPciBars + 4 * i);
    return saved;
}

void restore(std::uint64_t function, const Saved& saved) {
    for (unsigned i = 0; i < kPciBarCount; ++i)
        mmio_write32(function + kPciBars + 4 * i, saved.bars[i]);
    mmio_write16(function + kPciCommand, saved.command);
}

/// The next place in a page whose registers are at its begin, and perhaps in its middle: each
/// access costs an exit.
constexpr std::uint64_t after(std::uint64_t at, unsigned size) {
    at += size;
    if (at == 0x120) return 0x800;
    if (at == 0x820) return kPage - 0x10;
    return at;
}

/// Registers that nobody changes between two reads.
bool reads_alike(std::uint64_t function) {
    for (std::uint64_t at = 0; at < kConfigSpace; at = after(at, 8)) {
        const std::uint64_t whole = mmio_read64(function + at);
        for (const unsigned size : {1U, 2U, 4U}) {
            for (unsigned i = 0; i < 8; i += size) {
                if (read_sized(function + at + i, size) != (whole >> (8 * i) & ones(size)))
                    return false;
            }
        }
    }
    return true;
}

bool nobody_answers(std::uint64_t function) {
    for (const unsigned size : kSizes) {
        write_sized(function, size, 0);
        if (read_sized(function, size) != ones(size)) return false;
        if (read_sized(function + kConfigSpace - 8, size) != ones(size)) return false;
    }
    return true;
}

void configuration(Bench& bench, const Found& found) {
    const std::uint64_t function = bench.device().transport().pci().function();
    bench.harmless({"configuration space", "read at all sizes"},
                   [&] { return reads_alike(function); });
    for (const unsigned size : kSizes) {
        bench.harmless({"configuration space", "written"}, [&] {
            const Saved saved = save(function);
            const std::uint64_t identity = mmio_read64(function);
            for (std::uint64_t at = 0; at < kConfigSpace; at = after(at, size))
                write_sized(function + at, size, ones(size));
            for (std::uint64_t at = 0; at < kConfigSpace; at = after(at, size))
                write_sized(function + at, size, 0);
            restore(function, saved);
            return mmio_read64(function) == identity;
        });
    }
    bench.harmless({"configuration space", "of functions that are not there"}, [&] {
        for (unsigned i = 1; i < 8; ++i) {
            if (!nobody_answers(function + i * kConfigSpace)) return false;
        }
        return nobody_answers(function_at(found.ecam, kSlots - 1) + 7 * kConfigSpace);
    });
}

/// Moves both BARs there, looks whether what was there is the same, and moves them back.
template <class Unchanged>
void move_bars(Bench& bench, const char* name, std::uint32_t address, Unchanged unchanged) {
    const Transport& transport = bench.device().transport();
    const std::uint64_t function = transport.pci().function();
    bench.harmless({"BARs", name}, [&] {
        const Saved saved = save(function);
        for (unsigned i = 0; i < kBars; ++i) mmio_write32(function + kPciBars + 4 * i, address);
        const bool good = unchanged();
        restore(function, saved);
        return good && (transport.status() & kDriverOk) != 0;
    });
}

void bars(Bench& bench, const Found& found) {
    const Transport& transport = bench.device().transport();
    const std::uint64_t function = transport.pci().function();
    const auto gone = [&] { return mmio_read32(transport.base()) == 0xffff'ffff; };
    move_bars(bench, "to 0", 0, gone);
    move_bars(bench, "to the end of 4 GiB", 0xffff'0000, gone);
    const std::uint64_t memory = spare();
    move_bars(bench, "over RAM", static_cast<std::uint32_t>(plain(memory)), [&] {
        fill(memory, kPage, kMarker);
        return gone() && holds(memory, kPage, kMarker);
    });
    move_bars(bench, "over configuration space", static_cast<std::uint32_t>(plain(found.ecam)),
              [&] { return gone() && reads_alike(function_at(found.ecam, 0)); });
    const Saved own = save(function);
    for (std::size_t i = 0; i < found.count; ++i) {
        const Transport& other = found.devices[i];
        if (!other.is_pci() || other.place() == transport.place()) continue;
        const Saved theirs = save(other.pci().function());
        for (const std::uint32_t bar : {theirs.bars[0], theirs.bars[1], own.bars[1]})
            move_bars(bench, "over another's", bar, [] { return true; });
    }
    bench.harmless({"BARs", "sized, again and again"}, [&] {
        const Saved saved = save(function);
        for (unsigned i = 0; i < 20 * kPciBarCount; ++i)
            mmio_write32(function + kPciBars + 4 * (i % kPciBarCount), 0xffff'ffff);
        restore(function, saved);
        return true;
    });
    bench.harmless({"BARs", "turned off"}, [&] {
        mmio_write16(function + kPciCommand, 0);
        const bool good = gone();
        transport.notify(0);
        mmio_write16(function + kPciCommand, own.command);
        return good;
    });
}

/// The window in the configuration space to what BARs hold: section 4.1.4.9.
void window(Bench& bench) {
    const Transport& transport = bench.device().transport();
    const std::uint64_t window = transport.pci().function() + transport.pci().window_capability();
    if (transport.pci().window_capability() == 0) return;
    bench.harmless({"the window to BARs", "where there is nothing to see"}, [&] {
        for (const std::uint8_t bar : kWindowBars) {
            for (const std::uint32_t offset : {0U, 1U, 0x3fffU, 0x4000U, ~0U}) {
                for (const std::uint32_t size : {0U, 1U, 3U, 4U, 8U, ~0U}) {
                    mmio_write8(window + 4, bar);
                    mmio_write32(window + 8, offset);
                    mmio_write32(window + 12, size);
                    mmio_read32(window + 16);
                    mmio_write32(window + 16, 0);
                }
            }
        }
        return true;
    });
    bench.harmless({"the window to BARs", "shows the status"}, [&] {
        mmio_write8(window + 4, 0);
        mmio_write32(window + 8, 0x14);
        mmio_write32(window + 12, 1);
        return mmio_read8(window + 16) == transport.status();
    });
}

void set_msix_entry(const PciRegisters& pci, unsigned index, std::uint64_t address,
                    std::uint32_t data, std::uint32_t control) {
    const std::uint64_t entry = pci.msix_table() + 16 * index;
    mmio_write64(entry, address);
    mmio_write32(entry + 8, data);
    mmio_write32(entry + 12, control);
}

void msix_messages(Bench& bench) {
    Driver& driver = bench.device();
    const PciRegisters& pci = driver.transport().pci();
    const std::uint64_t control = pci.function() + pci.msix_capability() + 2;
    const unsigned vectors = (mmio_read16(control) & 0x7ff) + 1U;
    for (const std::uint64_t address : {std::uint64_t{0}, ram_end() - kPage, private_page(),
                                        std::uint64_t{0xdead'beef'dead'bee0}, ~std::uint64_t{0}}) {
        bench.recovers({"MSI-X", "messages to nowhere"}, [&] {
            mmio_write16(control, 0x8000);
            for (unsigned i = 0; i < vectors; ++i) set_msix_entry(pci, i, address, ~0U - i, 0);
            pci.select_queue(driver.request_queue());
            const bool taken = pci.set_config_vector(0) == 0 && pci.set_queue_vector(0) == 0;
            bool good = works(driver) && works(driver);
            driver.requests().set_index(0x4000);
            driver.ring();
            good = driver.needs_reset() && good;
            for (unsigned i = 0; i < vectors; ++i) set_msix_entry(pci, i, address, 0, 1);
            mmio_write16(control, 0);
            return taken && good;
        });
    }
}

void msix(Bench& bench) {
    Driver& driver = bench.device();
    const PciRegisters& pci = driver.transport().pci();
    if (pci.msix_capability() == 0) return;
    msix_messages(bench);
    bench.harmless({"MSI-X", "vectors that there are not"}, [&] {
        pci.select_queue(driver.request_queue());
        for (const std::uint16_t vector : {std::uint16_t{127}, std::uint16_t{0x7ff},
                                           std::uint16_t{0xfffe}, std::uint16_t{0xffff}}) {
            if (pci.set_config_vector(vector) != 0xffff) return false;
            if (pci.set_queue_vector(vector) != 0xffff) return false;
        }
        return true;
    });
    bench.harmless({"MSI-X", "table and pending bits, at all sizes"}, [&] {
        for (const unsigned size : kSizes) {
            for (std::uint64_t at = 0; at < kPage; at = after(at, size)) {
                read_sized(pci.msix_table() + at, size);
                write_sized(pci.msix_table() + at, size, ones(size));
                write_sized(pci.msix_table() + at, size, 0);
            }
        }
        return true;
    });
    bench.harmless({"MSI-X", "turned on and off"}, [&] {
        const std::uint64_t control = pci.function() + pci.msix_capability() + 2;
        for (unsigned i = 0; i < 50; ++i) {
            mmio_write16(control, static_cast<std::uint16_t>(i << 14));
            driver.ring();
        }
        mmio_write16(control, 0);
        return true;
    });
}

}  // namespace

void pci_cases(Bench& bench, const Found& found) {
    bench.begin("PCI");
    configuration(bench, found);
    bars(bench, found);
    window(bench);
    msix(bench);
    bench.end();
}

}  // namespace guest::hostile
