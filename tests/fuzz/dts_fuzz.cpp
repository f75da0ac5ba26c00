// Device trees from anyone, as values and as text.
#include <cstdlib>

#include "realm/layout/dts.hpp"

namespace {
void require(bool condition) {
    if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rvmm;
    const ByteSpan input = std::as_bytes(std::span(data, size));
    const Bytes dtb(input.begin(), input.end());  // aligned
    const auto nodes = realm::read_fdt(dtb);
    const auto text = realm::to_dts(dtb);
    require(nodes.has_value() == text.has_value());
    if (!nodes) {
        require(nodes.error().stage() == Stage::kImage);
        return 0;
    }
    require(!nodes->empty() && text->ends_with("};\n"));
    for (std::size_t i = 0; i < nodes->size(); ++i) {
        const realm::FdtNode& node = (*nodes)[i];
        require(i == 0 || (node.parent < i && (*nodes)[node.parent].depth + 1 == node.depth));
        require(realm::path_of(*nodes, i).starts_with('/'));
    }
    for (const char c : *text) require(c == '\n' || c == '\t' || (c >= ' ' && c <= '~'));
    return 0;
}
