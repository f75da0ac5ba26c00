// Results as JUnit's XML, in the form that Jenkins and GitLab read: testsuites, testsuite,
// testcase.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vmm/suite/case_run.hpp"

namespace rvmm::vmm::suite {

struct JunitCase {
    enum class Kind : std::uint8_t { kPassed, kFailure, kError, kSkipped };
    std::string suite;
    std::string name;
    Kind kind = Kind::kPassed;
    std::string why = {};      // one line; empty of one that passed
    std::string details = {};  // of what is bad
    std::string output = {};   // what the guest said last
    double seconds = 0;
    std::vector<std::pair<std::string, std::string>> properties = {};
};

/// The whole document. Cases of one suite are together; suites come in the order of their first.
std::string junit_document(std::span<const JunitCase> cases);

/// rvmm's messages, and the last exits that `report` has, as the details of a bad case.
std::string junit_details(const std::vector<std::string>& messages, std::string_view report);

/// `text` for an element or an attribute: what XML cannot carry (control characters, what is no
/// UTF-8) is \xHH, markup is entities. Source: XML 1.0, 2.2 and 2.4.
std::string xml_text(std::string_view text);

/// `rvmm run --junit`: one case of the config `config`.
struct JunitRun {
    std::string_view config = {};  // a path
    double seconds = 0;
    int exit_code = 0;
    std::string_view error = {};   // of the launch; empty: it said none
    std::string_view report = {};  // the JSON document; empty: no guest has run
};
std::string junit_of_run(const JunitRun& run);

}  // namespace rvmm::vmm::suite
