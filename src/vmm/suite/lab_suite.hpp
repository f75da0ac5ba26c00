// Cases whose host is a lab, all in one boot of it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "realm/plan/profile.hpp"
#include "vmm/lab/lab_config.hpp"
#include "vmm/suite/test_case.hpp"
#include "vmm/suite/verdict.hpp"

namespace rvmm::vmm::suite {

struct LabSuite {
    const std::vector<TestCase>& cases;
    std::vector<std::size_t> chosen;  // which of them run in the lab
    const lab::LabSearch& search;
    const realm::ProfileTable& profiles;
    const std::string& profiles_text;  // empty: `profiles` is the built-in table
    std::size_t at_once;
};

/// False ends the suite: nobody takes what is told.
using TellResult = std::function<bool(std::size_t index, CaseResult result)>;

/// Tells of each chosen case once, unless a signal or `tell` ends it: of the cases left nothing is
/// told then, and the signal is the result. A lab that cannot be booted, or that dies, fails those
/// that are left. Call it on the main thread, with
/// HeldSignals.
std::optional<int> run_in_one_lab(const LabSuite& suite, const TellResult& tell);

/// `rvmm test --inside-lab`: runs the job in the file `path` and prints a line for each run.
Result<int> run_job_inside_lab(const std::string& path, std::size_t at_once);

}  // namespace rvmm::vmm::suite
