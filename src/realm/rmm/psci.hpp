// PSCI as a realm sees it, with the power state of every REC.
#pragma once

#include <optional>
#include <vector>

#include "realm/rmm/software_rmm.hpp"
#include "rmi/psci.hpp"

namespace rvmm::realm {

class Psci {
  public:
    /// REC 0 is on, the others are off. Entry points have to lie below `protected_end`.
    Psci(std::vector<std::uint64_t> mpidrs, std::uint64_t protected_end);

    /// Whether `function` is in the range that PSCI owns.
    static bool owns(std::uint32_t function);

    /// A call by REC `rec` to a function that PSCI owns. The 32-bit forms take the low halves of
    /// their arguments.
    SmcOutcome call(std::size_t rec, rmi::SmcRegisters& registers);

  private:
    SmcOutcome cpu_on(std::size_t rec, rmi::SmcRegisters& registers);
    std::uint64_t affinity_info(std::uint64_t mpidr, std::uint64_t level) const;
    std::optional<std::size_t> index_of(std::uint64_t mpidr) const;

    std::vector<std::uint64_t> mpidrs_;
    std::vector<bool> on_;
    std::uint64_t protected_end_;
};

}  // namespace rvmm::realm
