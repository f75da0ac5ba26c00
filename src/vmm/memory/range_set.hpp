// A set of disjoint half-open ranges of 64-bit offsets, kept coalesced.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace rvmm::vmm {

class RangeSet {
  public:
    struct Run {
        std::uint64_t begin;
        std::uint64_t end;
        friend bool operator==(const Run&, const Run&) = default;
    };

    void add(Run run);
    void remove(Run run);
    bool contains_all(Run run) const;
    bool contains(std::uint64_t at) const { return contains_all({at, at + 1}); }
    /// The parts of `run` that are in the set, ascending.
    std::vector<Run> parts_in(Run run) const;
    /// The parts of `run` that are not.
    std::vector<Run> parts_out(Run run) const;
    /// The run of the set that holds `at`.
    std::optional<Run> run_at(std::uint64_t at) const;
    /// The sum of all runs.
    std::uint64_t total() const;
    std::size_t run_count() const { return runs_.size(); }

  private:
    std::map<std::uint64_t, std::uint64_t> runs_;  // begin -> end
};

}  // namespace rvmm::vmm
