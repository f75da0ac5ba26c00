// What a realm's initial measurement is made of, in words.
#pragma once

#include <string>

#include "base/error.hpp"
#include "realm/plan/fold.hpp"

namespace rvmm::realm {

/// Folds `plan`, a realm's, and tells for people: the profile and its rule, every step in order
/// with what of it is measured and the RIM after it, what does not contribute, and the device tree
/// as source. Errors as fold().
Result<std::string> explain(const LaunchPlan& plan);

}  // namespace rvmm::realm
