// The FDT of a board. Node and property order, phandles and every number come from the board and
// the spec alone. Addresses are plain ones: the guest adds the shared bit itself.
#include <initializer_list>

#include <libfdt.h>

#include "realm/layout/guest_layout.hpp"

namespace rvmm::realm {
namespace {

enum Phandle : std::uint32_t { kIntcPhandle = 1, kItsPhandle = 2 };
enum InterruptType : std::uint32_t { kSpi = 0, kPpi = 1 };
enum InterruptTrigger : std::uint32_t { kLevelHigh = 4, kLevelLow = 8 };
constexpr std::uint32_t kUartClockHz = 1'843'200;

/// libfdt's sequential writer with a sticky error: a failed call makes those after it do nothing.
class FdtWriter {
  public:
    explicit FdtWriter(std::size_t capacity) : bytes_(capacity) {
        check(fdt_create(bytes_.data(), static_cast<int>(bytes_.size())));
        check(fdt_finish_reservemap(bytes_.data()));
    }

    void begin(const std::string& name) {
        if (ok()) check(fdt_begin_node(bytes_.data(), name.c_str()));
    }
    void begin_at(std::string_view name, std::uint64_t address) {
        begin(fmt::format("{}@{:x}", name, address));
    }
    void end() {
        if (ok()) check(fdt_end_node(bytes_.data()));
    }
    void flag(const char* name) {
        if (ok()) check(fdt_property(bytes_.data(), name, "", 0));
    }
    /// One or more strings, each with its NUL.
    void strings(const char* name, std::initializer_list<std::string_view> values) {
        std::string joined;
        for (const std::string_view value : values) (joined += value) += '\0';
        if (ok())
            check(
                fdt_property(bytes_.data(), name, joined.data(), static_cast<int>(joined.size())));
    }
    void cells(const char* name, std::initializer_list<std::uint32_t> values) {
        std::vector<fdt32_t> stored;
        for (const std::uint32_t value : values) stored.push_back(cpu_to_fdt32(value));
        const auto size = static_cast<int>(stored.size() * sizeof(fdt32_t));
        if (ok()) check(fdt_property(bytes_.data(), name, stored.data(), size));
    }
    /// Numbers of two cells each.
    void pairs(const char* name, std::initializer_list<std::uint64_t> values) {
        std::vector<fdt64_t> stored;
        for (const std::uint64_t value : values) stored.push_back(cpu_to_fdt64(value));
        const auto size = static_cast<int>(stored.size() * sizeof(fdt64_t));
        if (ok()) check(fdt_property(bytes_.data(), name, stored.data(), size));
    }

    Result<Bytes> finish() {
        if (ok()) check(fdt_finish(bytes_.data()));
        if (!ok())
            return fail(Stage::kInternal, "cannot write the device tree: {}", fdt_strerror(error_));
        bytes_.resize(fdt_totalsize(bytes_.data()));
        return std::move(bytes_);
    }

  private:
    bool ok() const { return error_ == 0; }
    void check(int error) {
        if (error < 0 && ok()) error_ = error;
    }
    Bytes bytes_;
    int error_ = 0;
};

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

void write_device(FdtWriter& fdt, const DeviceBoard& device) {
    switch (device.kind) {
        case DeviceBoard::Kind::kUart16550:
            fdt.begin_at("serial", device.registers.base().value);
            fdt.strings("compatible", {"ns16550a"});
            fdt.pairs("reg", {device.registers.base().value, device.registers.size()});
            fdt.cells("reg-shift", {0});
            fdt.cells("reg-io-width", {1});
            fdt.cells("clock-frequency", {kUartClockHz});
            fdt.cells("interrupts", {kSpi, device.spi, kLevelHigh});
            fdt.end();
            return;
    }
}

}  // namespace

Result<Bytes> make_fdt(const RealmSpec& spec, const Board& board,
                       const std::optional<IpaRange>& initrd) {
    // Ample: a CPU's node takes about 120 bytes, all else about 2 KiB and the command line.
    FdtWriter fdt(16384 + spec.boot.cmdline.size() + 256 * board.cpus.size());
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
    for (const DeviceBoard& device : board.devices) write_device(fdt, device);
    fdt.end();
    return fdt.finish();
}

}  // namespace rvmm::realm
