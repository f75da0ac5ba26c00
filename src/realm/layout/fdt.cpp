// The FDT of a board. Node and property order, phandles and every number come from the board and
// the spec alone. Addresses are plain ones: the guest adds the shared bit itself.
#include "realm/layout/fdt_devices.hpp"
#include "realm/layout/fdt_writer.hpp"
#include "realm/layout/guest_layout.hpp"

namespace rvmm::realm {
namespace {

void write_chosen(FdtWriter& fdt, const RealmSpec& spec, const Board& board,
                  const std::optional<IpaRange>& initrd) {
    fdt.begin("chosen");
    fdt.strings("bootargs", {spec.boot.cmdline});
    for (const DeviceBoard& device : board.devices)
        if (device.kind == DeviceBoard::Kind::kUart16550)
            fdt.strings("stdout-path",
                        {fmt::format("/serial@{:x}", device.registers.base().value)});
    if (initrd) {
        fdt.pairs("linux,initrd-start", {initrd->base().value});
        fdt.pairs("linux,initrd-end", {initrd->top().value});
    }
    fdt.end();
}

void write_memory(FdtWriter& fdt, const Board& board) {
    fdt.begin_at("memory", board.ram.base().value);
    fdt.strings("device_type", {"memory"});
    fdt.pairs("reg", {board.ram.base().value, board.ram.size()});
    fdt.end();
}

void write_cpus(FdtWriter& fdt, const Board& board) {
    fdt.begin("cpus");
    fdt.cells("#address-cells", {2});
    fdt.cells("#size-cells", {0});
    for (const CpuBoard& cpu : board.cpus) {
        fdt.begin_at("cpu", cpu.mpidr);
        fdt.strings("device_type", {"cpu"});
        fdt.strings("compatible", {"arm,armv8"});
        fdt.strings("enable-method", {"psci"});
        fdt.pairs("reg", {cpu.mpidr});
        fdt.end();
    }
    fdt.end();
}

void write_psci(FdtWriter& fdt, const Board& board) {
    fdt.begin("psci");
    fdt.strings("compatible", {"arm,psci-1.0", "arm,psci-0.2"});
    fdt.strings("method", {board.psci == PsciConduit::kSmc ? "smc" : "hvc"});
    fdt.end();
}

void write_timer(FdtWriter& fdt) {
    fdt.begin("timer");
    fdt.strings("compatible", {"arm,armv8-timer"});
    // Secure physical, physical, virtual and hypervisor physical timer.
    fdt.cells("interrupts",
              {kPpi, 13, kLevelLow, kPpi, 14, kLevelLow, kPpi, 11, kLevelLow, kPpi, 10, kLevelLow});
    fdt.flag("always-on");
    fdt.end();
}

void write_gic(FdtWriter& fdt, const GicBoard& gic) {
    fdt.begin_at("intc", gic.distributor.base().value);
    fdt.strings("compatible", {"arm,gic-v3"});
    fdt.pairs("reg", {gic.distributor.base().value, gic.distributor.size(),
                      gic.redistributors.base().value, gic.redistributors.size()});
    fdt.cells("#redistributor-regions", {1});
    fdt.flag("interrupt-controller");
    fdt.cells("#interrupt-cells", {3});
    fdt.cells("#address-cells", {2});
    fdt.cells("#size-cells", {2});
    fdt.flag("ranges");
    fdt.cells("phandle", {kIntcPhandle});
    fdt.begin_at("its", gic.its.base().value);
    fdt.strings("compatible", {"arm,gic-v3-its"});
    fdt.pairs("reg", {gic.its.base().value, gic.its.size()});
    fdt.flag("msi-controller");
    fdt.cells("#msi-cells", {1});
    fdt.cells("phandle", {kItsPhandle});
    fdt.end();
    fdt.end();
}

}  // namespace

Result<Bytes> make_fdt(const RealmSpec& spec, const Board& board,
                       const std::optional<IpaRange>& initrd) {
    // Ample: a CPU's node takes about 120 bytes, a virtio device's as much, all else about 3 KiB
    // and the command line.
    FdtWriter fdt(16384 + spec.boot.cmdline.size() +
                  256 * (board.cpus.size() + board.virtio.size()));
    fdt.begin("");
    fdt.strings("compatible", {"linux,dummy-virt"});
    fdt.cells("#address-cells", {2});
    fdt.cells("#size-cells", {2});
    fdt.cells("interrupt-parent", {kIntcPhandle});
    write_chosen(fdt, spec, board, initrd);
    write_memory(fdt, board);
    write_cpus(fdt, board);
    write_psci(fdt, board);
    write_timer(fdt);
    write_gic(fdt, board.gic);
    write_devices(fdt, board);
    fdt.end();
    return fdt.finish();
}

}  // namespace rvmm::realm
