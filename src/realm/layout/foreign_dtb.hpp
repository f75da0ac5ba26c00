// What a device tree that another VMM made says about the realm it was made for. It is read, never
// changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::realm {

struct DtbFacts {
    std::vector<IpaRange> memory;     // ascending; ranges that touch are one
    std::vector<std::uint64_t> cpus;  // the MPIDRs (`reg`), in the tree's order; one at least
    std::optional<IpaRange> initrd;   // /chosen: linux,initrd-start to linux,initrd-end
    std::string bootargs;             // /chosen: bootargs
};

/// The facts of the flattened device tree at the front of `file`, which is aligned to 8 bytes;
/// what follows the tree is not looked at. Errors (Stage::kImage): those of read_fdt(); it has no
/// memory or no CPUs, or has a `reg` or an initrd that makes no sense. Fuzzed.
Result<DtbFacts> read_dtb(ByteSpan file);

}  // namespace rvmm::realm
