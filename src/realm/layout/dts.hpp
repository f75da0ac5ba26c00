// A flattened device tree as values and as text. The bytes may be anybody's: nothing of them is
// used that libfdt did not check.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::realm {

/// No FDT is larger (Documentation/arch/arm64/booting.rst). Bytes.
inline constexpr std::size_t kMaxFdtSize = 2U << 20;
/// How deep nodes may nest; the root is at 0.
inline constexpr unsigned kMaxFdtDepth = 64;

struct FdtProperty {
    std::string_view name;
    ByteSpan value;
};

struct FdtNode {
    std::string_view name;   // "cpu@0"; empty for the root
    unsigned depth = 0;      // the root's is 0
    std::size_t parent = 0;  // index of the node that it is in; the root is its own
    std::vector<FdtProperty> properties;
};

/// The nodes of `dtb` in its order, the root first; they point into `dtb`. Errors (Stage::kImage):
/// it is no device tree of version 16 or later, damaged, larger than kMaxFdtSize, or too deep.
/// Fuzzed, as to_dts() is.
Result<std::vector<FdtNode>> read_fdt(ByteSpan dtb);

/// "/cpus/cpu@0", "/".
std::string path_of(const std::vector<FdtNode>& nodes, std::size_t index);

/// A property's value in the source form: strings if it is printable text with its NULs, bytes if
/// it is no whole number of cells, else cells. Nothing for an empty one.
std::string show_fdt_value(ByteSpan value);

/// Every node and property of `dtb` in its order, as source that dtc compiles back to it. The same
/// text for the same tree. Errors as read_fdt().
Result<std::string> to_dts(ByteSpan dtb);

}  // namespace rvmm::realm
