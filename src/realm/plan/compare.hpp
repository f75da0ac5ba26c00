// Compares two measurements: the first extension in which they differ, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "realm/plan/difference.hpp"
#include "realm/plan/measured_input.hpp"

namespace rvmm::realm {

/// The first extension that gives different RIMs.
struct FirstDifference {
    std::string extension;                     // "the kernel's pages", "creation of the realm"
    std::optional<std::uint64_t> number = {};  // counted from 0, as in a log; if it can be told
    std::vector<Difference> why = {};          // at least one
    std::size_t left_out = 0;                  // further reasons
};

struct Comparison {
    bool same = false;                          // RIM and hash
    std::optional<FirstDifference> first = {};  // nothing: same, or one is a CoRIM
    Differences others{12};                     // measured too, in later extensions
    Differences unmeasured{8};                  // differs without any effect on the RIM
};

/// Errors: Stage::kInternal if OpenSSL fails, Stage::kImage if a log or a mapped file changed.
Result<Comparison> compare(const MeasuredInput& a, const MeasuredInput& b);

/// For people. `comparison` is that of `a` and `b`.
std::string to_text(const Comparison& comparison, const MeasuredInput& a, const MeasuredInput& b);
/// One JSON document with a newline at the end.
std::string to_json(const Comparison& comparison, const MeasuredInput& a, const MeasuredInput& b);

}  // namespace rvmm::realm
