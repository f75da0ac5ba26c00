// The `rvmm run` that a case is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "vmm/suite/case_process.hpp"
#include "vmm/suite/test_case.hpp"

namespace rvmm::vmm::suite {

/// On this machine. `profiles` is the path of --profiles, or empty.
CaseCommand local_command(const TestCase& one, const std::string& profiles);

/// In a lab: `config` has been made for it there. `host` is empty for an ordinary VM.
CaseCommand lab_command(const TestSpec& spec, const std::string& config, std::string_view host,
                        const std::string& profiles);

/// What a lab is given to run, as text, and back. Errors (Stage::kImage): it is none.
std::string write_job(const std::vector<CaseCommand>& commands);
Result<std::vector<CaseCommand>> read_job(std::string_view text);

}  // namespace rvmm::vmm::suite
