// What the fake holds against the code under test. Not thread-safe: the fake's lock protects it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rvmm::vmm::fake {

class Ledger {
  public:
    ~Ledger();

    /// The kernel refuses this call: -`error_number`. Fails the test, with `rule`, unless the test
    /// expects it.
    long refuse(int error_number, std::string_view rule);
    /// The kernel does as it is told, and it goes wrong later: fails the test.
    void violation(std::string_view rule);
    /// The kernel prints a warning.
    void kernel_warning() { ++kernel_warnings_; }
    /// As kernel_warning(), for an ordinary VM, which no VMM can avoid.
    void ordinary_warning() { ++ordinary_warnings_; }

    /// The next refusal with this errno is what the test wants; there has to be one.
    void expect_refusal(int error_number) { ++expected_[error_number]; }
    /// The next violation is what the test wants; there has to be one.
    void expect_violation() { ++expected_violations_; }

    bool strict = true;  // false: nothing fails the test
    int kernel_warnings() const { return kernel_warnings_; }
    int ordinary_warnings() const { return ordinary_warnings_; }
    /// All of them, in order, as "errno: rule".
    const std::vector<std::string>& refusals() const { return refusals_; }
    const std::vector<std::string>& violations() const { return violations_; }

  private:
    std::map<int, int> expected_;
    int expected_violations_ = 0;
    int kernel_warnings_ = 0;
    int ordinary_warnings_ = 0;
    std::vector<std::string> refusals_;
    std::vector<std::string> violations_;
};

}  // namespace rvmm::vmm::fake
