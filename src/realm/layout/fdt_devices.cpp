#include "realm/layout/fdt_devices.hpp"

#include <algorithm>

namespace rvmm::realm {
namespace {

constexpr std::uint32_t kUartClockHz = 1'843'200;
constexpr std::uint32_t kApbClockHz = 24'000'000;
constexpr std::uint32_t kKeyPower = 116;  // KEY_POWER of Linux
constexpr std::uint32_t kActiveHigh = 0;
constexpr std::uint32_t kPciMemory32 = 0x0200'0000;  // phys.hi of a range: 32-bit memory space
constexpr std::uint32_t kPciRequesterIds = 0x1'0000;

constexpr std::uint32_t upper_half(std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32);
}
constexpr std::uint32_t lower_half(std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
}

void write_reg(FdtWriter& fdt, const IpaRange& registers) {
    fdt.pairs("reg", {registers.base().value, registers.size()});
}

void write_uart(FdtWriter& fdt, const DeviceBoard& device) {
    fdt.begin_at("serial", device.registers.base().value);
    fdt.strings("compatible", {"ns16550a"});
    write_reg(fdt, device.registers);
    fdt.cells("reg-shift", {0});
    fdt.cells("reg-io-width", {1});
    fdt.cells("clock-frequency", {kUartClockHz});
    fdt.cells("interrupts", {kSpi, *device.spi, kLevelHigh});
    fdt.end();
}

/// The clock that every primecell must have.
void write_apb_clock(FdtWriter& fdt) {
    fdt.begin("apb-pclk");
    fdt.strings("compatible", {"fixed-clock"});
    fdt.cells("#clock-cells", {0});
    fdt.cells("clock-frequency", {kApbClockHz});
    fdt.strings("clock-output-names", {"clk24mhz"});
    fdt.cells("phandle", {kClockPhandle});
    fdt.end();
}

/// What all primecells have; the node is left open.
void begin_primecell(FdtWriter& fdt, std::string_view part, const DeviceBoard& device) {
    fdt.begin_at(part, device.registers.base().value);
    fdt.strings("compatible", {"arm," + std::string(part), "arm,primecell"});
    write_reg(fdt, device.registers);
    fdt.cells("clocks", {kClockPhandle});
    fdt.strings("clock-names", {"apb_pclk"});
    fdt.cells("interrupts", {kSpi, *device.spi, kLevelHigh});
}

void write_power_key(FdtWriter& fdt, const DeviceBoard& device) {
    begin_primecell(fdt, "pl061", device);
    fdt.flag("gpio-controller");
    fdt.cells("#gpio-cells", {2});
    fdt.flag("interrupt-controller");
    fdt.cells("#interrupt-cells", {2});
    fdt.cells("phandle", {kGpioPhandle});
    fdt.end();
    fdt.begin("gpio-keys");
    fdt.strings("compatible", {"gpio-keys"});
    fdt.begin("poweroff");
    fdt.strings("label", {"poweroff"});
    fdt.cells("linux,code", {kKeyPower});
    fdt.cells("gpios", {kGpioPhandle, kPowerKeyLine, kActiveHigh});
    fdt.end();
    fdt.end();
}

/// QEMU's binding, which Linux's driver looks for; ours comes first, for it has a register more.
void write_pvpanic(FdtWriter& fdt, const DeviceBoard& device) {
    fdt.begin_at("pvpanic", device.registers.base().value);
    fdt.strings("compatible", {"rvmm,pvpanic", "qemu,pvpanic-mmio"});
    write_reg(fdt, device.registers);
    fdt.end();
}

bool is_primecell(const DeviceBoard& device) {
    return device.kind == DeviceBoard::Kind::kPl031 ||
           device.kind == DeviceBoard::Kind::kPl061PowerKey;
}

void write_device(FdtWriter& fdt, const DeviceBoard& device) {
    switch (device.kind) {
        case DeviceBoard::Kind::kUart16550:
            write_uart(fdt, device);
            return;
        case DeviceBoard::Kind::kPl031:
            begin_primecell(fdt, "pl031", device);
            fdt.end();
            return;
        case DeviceBoard::Kind::kPl061PowerKey:
            write_power_key(fdt, device);
            return;
        case DeviceBoard::Kind::kPvpanic:
            write_pvpanic(fdt, device);
            return;
    }
}

void write_virtio_mmio(FdtWriter& fdt, const MmioPlace& place) {
    fdt.begin_at("virtio_mmio", place.registers.base().value);
    fdt.strings("compatible", {"virtio,mmio"});
    write_reg(fdt, place.registers);
    fdt.cells("interrupts", {kSpi, place.spi, kEdgeRising});
    fdt.flag("dma-coherent");
    fdt.end();
}

void write_pci(FdtWriter& fdt, const PciBoard& pci) {
    const std::uint64_t base = pci.window.base().value;
    const std::uint64_t size = pci.window.size();
    fdt.begin_at("pcie", pci.ecam.base().value);
    fdt.strings("compatible", {"pci-host-ecam-generic"});
    fdt.strings("device_type", {"pci"});
    fdt.cells("bus-range", {0, 0});
    fdt.cells("#address-cells", {3});
    fdt.cells("#size-cells", {2});
    fdt.cells("#interrupt-cells", {1});
    write_reg(fdt, pci.ecam);
    // On the bus as in guest memory.
    fdt.cells("ranges", {kPciMemory32, upper_half(base), lower_half(base), upper_half(base),
                         lower_half(base), upper_half(size), lower_half(size)});
    fdt.cells("msi-map", {0, kItsPhandle, 0, kPciRequesterIds});
    fdt.flag("dma-coherent");
    fdt.end();
}

}  // namespace

void write_devices(FdtWriter& fdt, const Board& board) {
    if (std::ranges::any_of(board.devices, is_primecell)) write_apb_clock(fdt);
    for (const DeviceBoard& device : board.devices) write_device(fdt, device);
    for (const VirtioBoard& device : board.virtio)
        if (const auto* place = std::get_if<MmioPlace>(&device.place))
            write_virtio_mmio(fdt, *place);
    if (board.pci) write_pci(fdt, *board.pci);
}

}  // namespace rvmm::realm
