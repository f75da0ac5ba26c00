#include "fake_kvm/ledger.hpp"

#include <cstring>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace rvmm::vmm::fake {

Ledger::~Ledger() {
    for (const auto& [error_number, count] : expected_)
        EXPECT_EQ(count, 0) << "no call was refused with " << ::strerrorname_np(error_number);
    EXPECT_EQ(expected_violations_, 0) << "no rule was broken";
}

long Ledger::refuse(int error_number, std::string_view rule) {
    refusals_.push_back(fmt::format("{}: {}", ::strerrorname_np(error_number), rule));
    const auto expected = expected_.find(error_number);
    if (expected != expected_.end() && expected->second > 0)
        --expected->second;
    else if (strict)
        ADD_FAILURE() << "KVM refuses this call with " << refusals_.back();
    return -error_number;
}

void Ledger::violation(std::string_view rule) {
    violations_.emplace_back(rule);
    if (expected_violations_ > 0)
        --expected_violations_;
    else if (strict)
        ADD_FAILURE() << "KVM lets this pass, but: " << rule;
}

}  // namespace rvmm::vmm::fake
