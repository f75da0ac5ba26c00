// What a script asks of a guest's console: docs/ci.md.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "vmm/watch/pattern.hpp"

namespace rvmm::vmm {

struct Expectation {
    Pattern pattern;
    std::string send = {};  // typed into the console when it has matched
};

struct WatchSpec {
    std::vector<Expectation> expect = {};  // in this order
    std::vector<Pattern> fail_on = {};     // whichever is seen first ends the run
    bool end_when_met = false;             // the last of `expect` ends the run
    /// A kernel's panic on the console ends the run. A person at the console reads it instead.
    bool panic_ends = true;
    /// From the guest's start until it is up: it says READY, or the first of `expect` is seen.
    std::optional<std::chrono::nanoseconds> boot_limit = {};
    /// The whole run's.
    std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

}  // namespace rvmm::vmm
