// Runs cases, some at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "vmm/suite/case_process.hpp"

namespace rvmm::vmm::suite {

/// What is told of run number `index`; false ends the suite: no other is begun, and those that run
/// are ended.
using TakeRun = std::function<bool(std::size_t index, CaseRun run)>;

/// Runs all of `commands` with this program, up to `at_once` at a time, in their order, and tells
/// `take` of each as it ends. SIGINT, SIGTERM, SIGHUP and SIGQUIT end it as `take` can: the signal
/// is the result, and of what had not ended nothing is told. Call it on the main thread. Errors
/// (Stage::kLaunch): there is no place for reports.
Result<std::optional<int>> run_cases(const std::vector<CaseCommand>& commands, std::size_t at_once,
                                     const TakeRun& take);

}  // namespace rvmm::vmm::suite
