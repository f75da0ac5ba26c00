// Two measurements step by step: which steps of one stand for which of the other, and what two that
// belong together have differently.
#pragma once

#include <string>
#include <vector>

#include "realm/plan/difference.hpp"
#include "realm/plan/measurement.hpp"

namespace rvmm::realm {

/// A step of A and the step of B that it belongs to; one of them may be missing.
struct StepPair {
    const MeasuredStep* a = nullptr;
    const MeasuredStep* b = nullptr;
};

/// The steps that extend the RIM.
std::vector<const MeasuredStep*> contributing(const Measurement& measurement);
/// How often a step does.
std::uint64_t extensions(const MeasuredStep& step);
/// What it is: "creation of the realm", "kernel", "vCPU 0", "RIPAS". Nothing but printable text.
std::string key_of(const MeasuredStep& step);

/// All contributing steps, those of A in their order and then those that only B has.
std::vector<StepPair> pair_up(const std::vector<const MeasuredStep*>& a,
                              const std::vector<const MeasuredStep*>& b);

/// Where the differences of a pair go.
struct Sinks {
    Differences& measured;
    Differences& unmeasured;
};

/// Adds what the steps of `pair` have differently, other than their RIMs. Of contents only their
/// digests count; the FDTs of `a` and `b`, which the steps are of, are compared as trees.
void compare_pair(const StepPair& pair, const Measurement& a, const Measurement& b, Sinks sinks);

}  // namespace rvmm::realm
