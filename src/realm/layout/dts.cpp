#include "realm/layout/dts.hpp"

#include <algorithm>

#include <libfdt.h>

namespace rvmm::realm {
namespace {

constexpr std::uint32_t kOldestVersion = 16;  // names of nodes are their own, not whole paths

/// A name with its odd characters replaced: it goes to terminals.
std::string shown(std::string_view name) {
    std::string text(name);
    std::ranges::replace_if(text, [](char c) { return c <= ' ' || c > '~'; }, '?');
    return text;
}

std::string_view as_text(ByteSpan value) {
    return {reinterpret_cast<const char*>(value.data()), value.size()};
}

bool is_text(std::string_view value) {
    if (value.empty() || value.front() == '\0' || value.back() != '\0') return false;
    return value.find(std::string_view("\0\0", 2)) == std::string_view::npos &&
           std::ranges::all_of(value, [](char c) { return c == '\0' || (c >= ' ' && c <= '~'); });
}

std::string as_strings(std::string_view value) {
    std::string text = "\"";
    for (const char c : value.substr(0, value.size() - 1)) {
        if (c == '\0') {
            text += "\", \"";
            continue;
        }
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return text + "\"";
}

std::string as_cells(ByteSpan value) {
    std::string text;
    for (std::size_t i = 0; i < value.size(); i += 4)
        text += fmt::format("{}{:#04x}", text.empty() ? "" : " ",
                            fdt32_ld(reinterpret_cast<const fdt32_t*>(value.data() + i)));
    return "<" + text + ">";
}

std::vector<FdtProperty> properties_of(const void* fdt, int node) {
    std::vector<FdtProperty> properties;
    int offset = 0;
    fdt_for_each_property_offset(offset, fdt, node) {
        int size = 0;
        const char* name = nullptr;
        const auto* value =
            static_cast<const std::byte*>(fdt_getprop_by_offset(fdt, offset, &name, &size));
        if (value == nullptr) continue;  // fdt_check_full() has looked at every one
        properties.push_back({name, {value, static_cast<std::size_t>(size)}});
    }
    return properties;
}

std::string indent(unsigned depth) {
    return std::string(depth, '\t');
}

void append_node(std::string& text, const FdtNode& node) {
    text += fmt::format("{}{} {{\n", indent(node.depth), node.depth == 0 ? "/" : shown(node.name));
    for (const FdtProperty& property : node.properties) {
        text += indent(node.depth + 1) + shown(property.name);
        if (!property.value.empty()) text += " = " + show_fdt_value(property.value);
        text += ";\n";
    }
}

}  // namespace

Result<std::vector<FdtNode>> read_fdt(ByteSpan dtb) {
    if (dtb.size() > kMaxFdtSize)
        return fail(Stage::kImage, "it is no device tree: it has {} bytes", dtb.size());
    // Before the rest, for in older ones fdt_check_full() of libfdt 1.6.1 may follow a null
    // pointer.
    if (dtb.size() >= FDT_V1_SIZE && fdt_magic(dtb.data()) == FDT_MAGIC &&
        fdt_version(dtb.data()) < kOldestVersion)
        return fail(Stage::kImage, "it is a device tree of version {}", fdt_version(dtb.data()));
    // libfdt wants 8-byte alignment, which only the header's check would find missing.
    if (const int error = fdt_check_full(dtb.data(), dtb.size()); error != 0)
        return fail(Stage::kImage, "it is no device tree: {}", fdt_strerror(error));
    const void* fdt = dtb.data();

    std::vector<FdtNode> nodes;
    std::vector<std::size_t> open;  // the nodes around the next one
    int depth = 0;
    for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(fdt, node, &depth)) {
        const auto level = static_cast<unsigned>(depth);
        if (level > kMaxFdtDepth)
            return fail(Stage::kImage, "it is a device tree whose nodes nest more than {} deep",
                        kMaxFdtDepth);
        open.resize(level);
        const char* name = fdt_get_name(fdt, node, nullptr);
        nodes.push_back({.name = name == nullptr ? "" : name,
                         .depth = level,
                         .parent = open.empty() ? 0 : open.back(),
                         .properties = properties_of(fdt, node)});
        open.push_back(nodes.size() - 1);
    }
    return nodes;
}

std::string path_of(const std::vector<FdtNode>& nodes, std::size_t index) {
    std::string path;
    for (; nodes[index].depth != 0; index = nodes[index].parent)
        path.insert(0, "/" + shown(nodes[index].name));
    return path.empty() ? "/" : path;
}

std::string show_fdt_value(ByteSpan value) {
    if (value.empty()) return "";
    if (is_text(as_text(value))) return as_strings(as_text(value));
    if (value.size() % 4 == 0) return as_cells(value);
    return "[" + to_hex(value) + "]";
}

Result<std::string> to_dts(ByteSpan dtb) {
    RVMM_TRY(const auto nodes, read_fdt(dtb));
    std::string text = "/dts-v1/;\n";
    unsigned open = 0;  // nodes that were begun and not ended
    for (const FdtNode& node : nodes) {
        while (open > node.depth) text += indent(--open) + "};\n";
        text += '\n';
        append_node(text, node);
        open = node.depth + 1;
    }
    while (open > 0) text += indent(--open) + "};\n";
    return text;
}

}  // namespace rvmm::realm
