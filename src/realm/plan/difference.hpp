// Differences between two measurements as data.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rvmm::realm {

/// One thing that two sides have differently.
struct Difference {
    std::string what;  // "parameter s2sz", "fdt /chosen bootargs"
    std::string a;     // as A has it, for people; empty: A has none
    std::string b;

    friend bool operator==(const Difference&, const Difference&) = default;
};

/// Differences in the order in which they were found: the first so many, and how many more.
class Differences {
  public:
    explicit Differences(std::size_t limit) : limit_(limit) {}

    /// True once add() only counts; what to add need not be made then.
    bool full() const { return kept_.size() == limit_; }
    void add(Difference difference);
    void count() { ++left_out_; }
    void add_all(const Differences& other);

    const std::vector<Difference>& kept() const { return kept_; }
    std::size_t left_out() const { return left_out_; }
    bool empty() const { return kept_.empty() && left_out_ == 0; }

  private:
    std::size_t limit_;
    std::vector<Difference> kept_;
    std::size_t left_out_ = 0;
};

}  // namespace rvmm::realm
