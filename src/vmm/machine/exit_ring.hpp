// The last exits of a vCPU, for the report of a run that went wrong.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "vmm/kvm/exit.hpp"

namespace rvmm::vmm {

/// On the vCPU's thread, or when that has ended.
class ExitRing {
  public:
    static constexpr std::size_t kKept = 8;

    void push(const kvm::Exit& exit);
    /// Oldest first: "1234.567 ms before the end: MMIO write of 4 bytes at 0x9000000".
    std::vector<std::string> describe(std::chrono::steady_clock::time_point end) const;

  private:
    struct Entry {
        std::chrono::steady_clock::time_point when;
        kvm::Exit exit = kvm::InterruptedExit{};
    };
    std::array<Entry, kKept> entries_;
    std::size_t pushed_ = 0;
};

}  // namespace rvmm::vmm
