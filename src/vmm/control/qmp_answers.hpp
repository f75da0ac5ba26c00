// What the queries of the control socket return, made of what the target says.
//
// Source: QEMU's QAPI reference, StatusInfo, CpuInfoFast, BlockInfo, NameInfo. What QMP has no
// place for is in members that begin with x-.
#pragma once

#include <nlohmann/json.hpp>

#include "vmm/control/control_target.hpp"

namespace rvmm::vmm {

nlohmann::ordered_json status_answer(RunState state);
nlohmann::ordered_json cpus_answer(const std::vector<CpuFacts>& cpus);
nlohmann::ordered_json block_answer(const std::vector<DiskFacts>& disks);
nlohmann::ordered_json realm_answer(const GuestFacts& facts);

}  // namespace rvmm::vmm
