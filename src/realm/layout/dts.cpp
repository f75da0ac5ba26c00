#include "realm/layout/dts.hpp"

#include <algorithm>
#include <optional>

#include <libfdt.h>

#include "base/address.hpp"

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

std::unexpected<Error> no_tree(int error) {
    return fail(Stage::kImage, "it is no device tree: {}", fdt_strerror(error));
}

/// How long the token at the front of `tokens` is, in whole tags; nothing if it goes beyond them.
std::optional<std::uint64_t> token_size(ByteSpan tokens) {
    const auto word = [&](std::size_t index) {
        return fdt32_ld(reinterpret_cast<const fdt32_t*>(tokens.data()) + index);
    };
    std::uint64_t size = FDT_TAGSIZE;
    if (word(0) == FDT_PROP) {
        if (tokens.size() < sizeof(struct fdt_property)) return std::nullopt;
        size = sizeof(struct fdt_property) + std::uint64_t{word(1)};
    } else if (word(0) == FDT_BEGIN_NODE) {
        const auto end = std::ranges::find(tokens.subspan(FDT_TAGSIZE), std::byte{0});
        size = static_cast<std::uint64_t>(end - tokens.begin()) + 1;
    }
    size = align_up(size, FDT_TAGSIZE).value_or(UINT64_MAX);
    return size <= tokens.size() ? std::optional(size) : std::nullopt;
}

/// Refuses what fdt_check_full() of libfdt 1.6.1 crashes on (the root's name in an old version) or
/// never ends with (a property whose length leads back).
Result<> check_for_libfdt(ByteSpan dtb) {
    if (dtb.size() < FDT_V17_SIZE) return no_tree(-FDT_ERR_TRUNCATED);
    const void* fdt = dtb.data();
    if (const int error = fdt_check_header(fdt); error != 0) return no_tree(error);
    if (fdt_version(fdt) < kOldestVersion)
        return fail(Stage::kImage, "it is a device tree of version {}", fdt_version(fdt));
    if (fdt_totalsize(fdt) > dtb.size()) return no_tree(-FDT_ERR_TRUNCATED);
    ByteSpan tokens = dtb.first(fdt_totalsize(fdt)).subspan(fdt_off_dt_struct(fdt));
    while (tokens.size() >= FDT_TAGSIZE) {
        if (fdt32_ld(reinterpret_cast<const fdt32_t*>(tokens.data())) == FDT_END) return {};
        const auto size = token_size(tokens);
        if (!size) break;
        tokens = tokens.subspan(*size);
    }
    return no_tree(-FDT_ERR_BADSTRUCTURE);
}

}  // namespace

Result<std::vector<FdtNode>> read_fdt(ByteSpan dtb) {
    if (dtb.size() > kMaxFdtSize)
        return fail(Stage::kImage, "it is no device tree: it has {} bytes", dtb.size());
    RVMM_CHECK(check_for_libfdt(dtb));
    // libfdt wants 8-byte alignment, which only the header's check would find missing.
    if (const int error = fdt_check_full(dtb.data(), dtb.size()); error != 0) return no_tree(error);
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
