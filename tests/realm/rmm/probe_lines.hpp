// The recorded answers of a running RMM (tests/data/rsi): the lines, and the exceptions to them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rvmm::realm {

/// An entry of exceptions.txt.
struct ProbeException {
    std::string where;
    std::vector<std::string> values;  // names whose values may differ; "*": the whole line
    std::string begins;
    std::string reason;

    bool whole_line() const { return values.size() == 1 && values[0] == "*"; }
};

/// The lines of rsi-answers.txt without "PROBE ", in order.
std::vector<std::string> recorded_lines();
/// The exceptions that hold for a SoftwareRmm alone.
std::vector<ProbeException> unit_exceptions();
/// `line` with the values that `exception` names taken out.
std::string without_values(std::string line, const ProbeException& exception);

}  // namespace rvmm::realm
