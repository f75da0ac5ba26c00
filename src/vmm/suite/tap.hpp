// A suite's results as TAP version 14 (testanything.org). Each function gives whole lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vmm/suite/test_case.hpp"
#include "vmm/suite/verdict.hpp"

namespace rvmm::vmm::suite {

std::string tap_plan(std::size_t count);
/// Number `number`, from 1: of a bad one with what is known of it, as YAML.
std::string tap_point(std::size_t number, const TestCase& one, const CaseResult& result);
std::string tap_bail_out(std::string_view why);

}  // namespace rvmm::vmm::suite
