// A device tree as text, for comparison with golden files. The same text for the same tree whatever
// version of dtc is installed; dtc compiles it back.
#pragma once

#include <string>

#include "base/bytes.hpp"

namespace rvmm::realm::test {

/// Every node and property of `dtb` in its order. A property is shown as strings if it is printable
/// text with its NULs, as bytes if it is no whole number of cells, and as cells otherwise.
std::string dump_dts(ByteSpan dtb);

}  // namespace rvmm::realm::test
