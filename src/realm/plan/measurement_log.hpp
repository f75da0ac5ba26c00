// A measurement log as a measurement document.
#pragma once

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "realm/plan/measurement.hpp"

namespace rvmm::realm {

/// Reads the whole log, computes every digest anew, and sums runs of alike entries up to steps:
/// data of one source at addresses next to each other, RIPAS entries after each other. What is not
/// in a log stays at its default: `verified`, the personalization value, the REMs. Errors
/// (Stage::kImage) as LogReader and verify_entry().
Result<Measurement> measurement_of_log(ByteSpan log);

}  // namespace rvmm::realm
