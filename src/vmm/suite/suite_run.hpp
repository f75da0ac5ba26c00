// Runs a suite, on this machine and in a lab, and says how it goes: TAP as it comes, the rest at
// the end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "realm/plan/profile.hpp"
#include "vmm/lab/lab_config.hpp"
#include "vmm/suite/junit.hpp"
#include "vmm/suite/test_case.hpp"
#include "vmm/suite/verdict.hpp"

namespace rvmm::vmm::suite {

struct SuiteOptions {
    lab::LabSearch lab;
    const realm::ProfileTable& profiles;
    std::string profiles_text = {};                   // empty: the built-in table
    std::string profiles_path = {};                   // the same
    std::size_t at_once = 1;                          // not 0
    std::function<Result<>(std::string_view)> print;  // takes the TAP
    bool progress = false;                            // a line on standard error
};

struct SuiteEnd {
    std::vector<CaseResult> results = {};  // one for each case
    std::optional<int> signal = {};        // ended it
    double seconds = 0;

    std::size_t count(CaseResult::Kind kind) const;
    /// 0, or 71 if a case failed, or the signal's.
    int exit_code() const;
    /// For people, a line each.
    std::vector<std::string> summary(const std::vector<TestCase>& cases) const;
};

/// Every case of `cases` that is not skipped has a host. What cannot be run is a case that failed.
/// Call it on the main thread. Errors: the TAP cannot be written; there is no place for reports.
Result<SuiteEnd> run_suite(const std::vector<TestCase>& cases, const SuiteOptions& options);

std::vector<JunitCase> junit_cases(const std::vector<TestCase>& cases,
                                   const std::vector<CaseResult>& results);

}  // namespace rvmm::vmm::suite
