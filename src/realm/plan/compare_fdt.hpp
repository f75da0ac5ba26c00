// Two device trees, node by node.
#pragma once

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "realm/plan/difference.hpp"

namespace rvmm::realm {

/// Adds to `found` what the trees have differently, in the order of `a`: properties that differ,
/// nodes and properties that only one has, and order where it is all that differs. Trees that say
/// the same in other bytes add nothing. Errors (Stage::kImage): one is no device tree.
Result<> compare_fdts(ByteSpan a, ByteSpan b, Differences& found);

}  // namespace rvmm::realm
