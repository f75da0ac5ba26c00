#include "realm/layout/dts_dump.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <libfdt.h>

namespace rvmm::realm::test {
namespace {

bool is_text(std::string_view value) {
    if (value.empty() || value.front() == '\0' || value.back() != '\0') return false;
    return value.find(std::string_view("\0\0", 2)) == std::string_view::npos &&
           std::ranges::all_of(value, [](char c) { return c == '\0' || (c >= ' ' && c <= '~'); });
}

std::string as_strings(std::string_view value) {
    std::string text;
    while (!value.empty()) {
        const std::size_t end = value.find('\0');
        text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", value.substr(0, end));
        value.remove_prefix(end + 1);
    }
    return text;
}

std::string as_cells(std::string_view value) {
    std::string text;
    for (std::size_t i = 0; i < value.size(); i += 4)
        text += fmt::format("{}{:#04x}", text.empty() ? "" : " ",
                            fdt32_ld(reinterpret_cast<const fdt32_t*>(value.data() + i)));
    return "<" + text + ">";
}

std::string show(std::string_view value) {
    if (is_text(value)) return as_strings(value);
    if (value.size() % 4 == 0) return as_cells(value);
    return "[" + to_hex(as_bytes(value)) + "]";
}

void dump_node(std::string& out, const void* fdt, int node, int depth) {
    const std::string indent(static_cast<std::size_t>(depth), '\t');
    const char* name = fdt_get_name(fdt, node, nullptr);
    out += fmt::format("{}{} {{\n", indent, depth == 0 ? "/" : name);
    int property = 0;
    fdt_for_each_property_offset(property, fdt, node) {
        int size = 0;
        const char* key = nullptr;
        const void* data = fdt_getprop_by_offset(fdt, property, &key, &size);
        const std::string_view value(static_cast<const char*>(data),
                                     static_cast<std::size_t>(size));
        out += value.empty() ? fmt::format("{}\t{};\n", indent, key)
                             : fmt::format("{}\t{} = {};\n", indent, key, show(value));
    }
    int child = 0;
    fdt_for_each_subnode(child, fdt, node) {
        out += '\n';
        dump_node(out, fdt, child, depth + 1);
    }
    out += indent + "};\n";
}

}  // namespace

std::string dump_dts(ByteSpan dtb) {
    if (const int error = fdt_check_full(dtb.data(), dtb.size()); error != 0)
        return fmt::format("not a device tree: {}\n", fdt_strerror(error));
    std::string text = "/dts-v1/;\n\n";
    dump_node(text, dtb.data(), 0, 0);
    return text;
}

}  // namespace rvmm::realm::test
