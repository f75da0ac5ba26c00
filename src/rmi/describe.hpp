// Prints a record by its declaration.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "rmi/field.hpp"

namespace rvmm::rmi {

/// A line for each field that holds in `beta`, in the record's order: "s2sz = 40",
/// "flags0 = 0x2 (SVE)", "num_bps = 5 (6 breakpoints)". A field of several elements has a line for
/// each that is not zero. An Error (internal) if `bytes` are not as many as the record has.
Result<std::vector<std::string>> describe(const RecordInfo& record, ByteSpan bytes, Beta beta);

}  // namespace rvmm::rmi
