#include "find_devices.hpp"

#include "fdt.hpp"
#include "rsi.hpp"
#include "runtime.hpp"

namespace guest::hostile {
namespace {

struct Node {
    bool is_mmio;
    bool is_ecam;
    std::uint64_t address;
};

/// The root's nodes have addresses of two cells.
void take_property(const FdtReader& fdt, Node& node) {
    if (equals(fdt.name(), "compatible")) {
        node.is_mmio = starts_with(fdt.value(), "virtio,mmio");
        node.is_ecam = starts_with(fdt.value(), "pci-host-ecam-generic");
    }
    if (equals(fdt.name(), "reg")) fdt.read_cells(0, 2, node.address);
}

template <class Registers>
bool add(Found& found, Registers registers, unsigned place) {
    const std::uint16_t type = registers.probe();
    if (type == 0) return true;
    if (found.count == kMaxDevices) return false;
    found.devices[found.count++] = Transport(registers, type, place);
    return true;
}

bool scan_bus(Found& found) {
    for (unsigned slot = 0; found.ecam != 0 && slot < kSlots; ++slot) {
        const std::uint64_t function = function_at(found.ecam, slot);
        if (!add(found, PciRegisters(function, realm().shared_bit), slot)) return false;
    }
    return true;
}

}  // namespace

bool find_devices(Found& found) {
    FdtReader fdt;
    if (!fdt.open(machine().fdt.base)) return false;
    unsigned depth = 0;
    unsigned frames = 0;
    Node node{};
    for (;;) {
        switch (fdt.next()) {
            case FdtReader::Event::kNode:
                if (++depth == 2) node = {};
                break;
            case FdtReader::Event::kProperty:
                if (depth == 2) take_property(fdt, node);
                break;
            case FdtReader::Event::kEndNode:
                if (depth == 2 && node.is_ecam) found.ecam = node.address | realm().shared_bit;
                if (depth == 2 && node.is_mmio &&
                    !add(found, MmioRegisters(node.address | realm().shared_bit), frames++))
                    return false;
                if (depth-- == 0) return false;
                break;
            case FdtReader::Event::kDone:
                return scan_bus(found);
            case FdtReader::Event::kBroken:
                return false;
        }
    }
}

}  // namespace guest::hostile
