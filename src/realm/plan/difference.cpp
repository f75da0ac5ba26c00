#include "realm/plan/difference.hpp"

namespace rvmm::realm {

void Differences::add(Difference difference) {
    if (full())
        ++left_out_;
    else
        kept_.push_back(std::move(difference));
}

void Differences::add_all(const Differences& other) {
    for (const Difference& difference : other.kept_) add(difference);
    left_out_ += other.left_out_;
}

}  // namespace rvmm::realm
