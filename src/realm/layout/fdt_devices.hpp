// The FDT nodes of a board's devices.
#pragma once

#include "realm/layout/board.hpp"
#include "realm/layout/fdt_writer.hpp"

namespace rvmm::realm {

/// The devices with registers, then virtio-mmio, then the PCI host, whose devices have no nodes.
void write_devices(FdtWriter& fdt, const Board& board);

}  // namespace rvmm::realm
