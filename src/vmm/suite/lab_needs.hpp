// What a suite's lab needs: memory and time. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "vmm/lab/lab_image.hpp"
#include "vmm/suite/case_process.hpp"

namespace rvmm::vmm::suite {

/// Bytes, as a lab can have them (is_lab_memory()): for the largest of `guests` that may run at a
/// time, twice where they share all of it, and for `files`, which are there packed and unpacked.
std::uint64_t suite_lab_memory(std::vector<std::uint64_t> guests, std::size_t at_once,
                               const std::vector<lab::LabFile>& files);

/// No order of `commands`, `at_once` at a time, can take longer; but a year is the most.
std::chrono::nanoseconds suite_lab_time(const std::vector<CaseCommand>& commands,
                                        std::size_t at_once);

}  // namespace rvmm::vmm::suite
