// What came of one `rvmm run` of a suite, as facts: on this machine, or as a line of JSON from a
// lab.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::vmm::suite {

struct CaseRun {
    int exit_code = 0;                       // 128 + the signal, for a process that one ended
    std::string error = {};                  // why it was not run, or not to its end; empty: it was
    std::string report = {};                 // as short_report() leaves it; empty: there is none
    std::vector<std::string> console = {};   // the guest's last lines, as escape() shows them
    std::vector<std::string> messages = {};  // rvmm's own last lines, the same
    std::uint64_t milliseconds = 0;
    std::uint64_t peak_memory = 0;  // bytes, of the process
    std::uint64_t free_memory = 0;  // bytes, of the machine that it ran on, afterwards

    friend bool operator==(const CaseRun&, const CaseRun&) = default;
};

/// The JSON document of `rvmm run --report` on one line, without the console's lines and what is
/// nested too deep; nothing if it is none.
std::string short_report(std::string_view text);

/// What is looked at in a report; what is not there, or of another type, is empty.
struct ReportFacts {
    std::string host = {};
    bool emulated = false;
    std::string rim = {};
    std::optional<int> exit_code = {};
    std::string detail = {};
    std::uint64_t met = 0;
    std::uint64_t expected = 0;
    std::vector<std::vector<std::string>> last_exits = {};
};
/// Nothing if `report` is no JSON object.
std::optional<ReportFacts> read_report(std::string_view report);

/// One line of JSON with its line end: run number `index`.
std::string run_line(std::size_t index, const CaseRun& run);

/// Puts the lines together that a lab sends.
class RunLines {
  public:
    /// Longer lines are an error. A run's is shorter whatever its guest prints.
    static constexpr std::size_t kLongestLine = 8U << 20;  // bytes

    /// Runs are numbered from 0 to `count` - 1. Calls `take` with each, once.
    RunLines(std::size_t count, std::function<void(std::size_t, CaseRun)> take)
        : seen_(count), take_(std::move(take)) {}

    /// Errors (Stage::kLaunch): a line that is none of run_line(), or of a run that is not expected
    /// any more. Nothing is taken after it.
    Result<> feed(ByteSpan bytes);

  private:
    Result<> take_line(std::string_view line);

    std::vector<bool> seen_;
    std::function<void(std::size_t, CaseRun)> take_;
    std::string line_;
    std::optional<Error> error_;
};

}  // namespace rvmm::vmm::suite
