// TestSpec::parse() on any bytes: it refuses with one line that says where, or gives a test that
// keeps its contract, whose cases can be made.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "vmm/suite/test_case.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::vmm::suite;

void require(bool condition) {
    if (!condition) std::abort();
}

void check_test(const TestSpec& spec) {
    require(!spec.image.empty() && spec.timeout.count() > 0);
    require(spec.exit_code <= 63 || spec.exit_code == 80 || spec.exit_code == 81 ||
            spec.exit_code == 124);
    require(!spec.end_when_met || !spec.expect.empty());
    for (const TestExpectation& expectation : spec.expect)
        require(vmm::Pattern::compile("expect", expectation.regex).has_value());
    require(spec.variations() >= 1 && spec.variations() <= kMostCases);
    if (spec.variations() > 100) return;
    const auto cases = make_cases(std::make_shared<const TestSpec>(spec), "s");
    require(cases.size() == spec.variations());
    for (const TestCase& one : cases)
        for (const std::string& setting : one.settings)
            require(setting.find('=') != std::string::npos &&
                    setting.find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto spec = TestSpec::parse(text, "tests/my.test.toml");
    if (spec) {
        check_test(*spec);
        return 0;
    }
    const std::string& message = spec.error().message();
    require(spec.error().stage() == Stage::kConfig);
    require(message.starts_with("tests/my.test.toml:") && message.find('\n') == std::string::npos);
    return 0;
}
