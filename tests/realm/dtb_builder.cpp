#include "realm/dtb_builder.hpp"

#include <fmt/format.h>
#include <libfdt.h>

namespace rvmm::realm::test {
namespace {

void put(void* fdt, const char* name, std::uint64_t value, bool short_cells) {
    if (short_cells)
        fdt_property_u32(fdt, name, static_cast<std::uint32_t>(value));
    else
        fdt_property_u64(fdt, name, value);
}

void put_text(void* fdt, const char* name, const std::string& text) {
    fdt_property(fdt, name, text.c_str(), static_cast<int>(text.size() + 1));
}

void put_reg(void* fdt, const DtbBuilder::Pair& range, bool short_cells) {
    Bytes reg;
    for (const std::uint64_t number : {range.first, range.second})
        for (int byte = short_cells ? 3 : 7; byte >= 0; --byte)
            reg.push_back(static_cast<std::byte>(number >> (8 * byte)));
    fdt_property(fdt, "reg", reg.data(), static_cast<int>(reg.size()));
}

}  // namespace

Bytes DtbBuilder::build() const {
    Bytes bytes(1U << 17);
    void* fdt = bytes.data();
    fdt_create(fdt, static_cast<int>(bytes.size()));
    fdt_finish_reservemap(fdt);
    fdt_begin_node(fdt, "");
    fdt_property_u32(fdt, "#address-cells", short_cells ? 1 : 2);
    fdt_property_u32(fdt, "#size-cells", short_cells ? 1 : 2);
    fdt_begin_node(fdt, "chosen");
    put_text(fdt, "bootargs", bootargs);
    if (initrd) {
        put(fdt, "linux,initrd-start", initrd->first, short_cells);
        put(fdt, "linux,initrd-end", initrd->second, short_cells);
    }
    if (initrd_start_only) put(fdt, "linux,initrd-start", *initrd_start_only, short_cells);
    fdt_end_node(fdt);
    for (const Pair& range : memory) {
        fdt_begin_node(fdt, fmt::format("memory@{:x}", range.first).c_str());
        put_text(fdt, "device_type", "memory");
        put_reg(fdt, range, short_cells);
        fdt_end_node(fdt);
    }
    fdt_begin_node(fdt, "cpus");
    fdt_property_u32(fdt, "#address-cells", 1);
    fdt_property_u32(fdt, "#size-cells", 0);
    for (const std::uint32_t cpu : cpus) {
        fdt_begin_node(fdt, fmt::format("cpu@{:x}", cpu).c_str());
        put_text(fdt, "device_type", "cpu");
        fdt_property_u32(fdt, "reg", cpu);
        fdt_end_node(fdt);
    }
    fdt_begin_node(fdt, "cpu-map");
    fdt_end_node(fdt);
    fdt_end_node(fdt);
    fdt_end_node(fdt);
    fdt_finish(fdt);
    bytes.resize(fdt_totalsize(fdt));
    return bytes;
}

}  // namespace rvmm::realm::test
