#include "vmm/suite/verdict.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <string.h>

#include "base/exit_code.hpp"
#include "base/text.hpp"

namespace rvmm::vmm::suite {
namespace {

using Kind = CaseResult::Kind;

// docs/exit-codes.md.
constexpr std::array<std::pair<ExitCode, std::string_view>, 13> kNames = {{
    {ExitCode::kShutdown, "shutdown"},
    {ExitCode::kUsage, "wrong usage"},
    {ExitCode::kConfig, "wrong config"},
    {ExitCode::kImage, "image unreadable"},
    {ExitCode::kHostCannot, "this machine cannot"},
    {ExitCode::kInternal, "internal error"},
    {ExitCode::kLaunch, "the launch failed, or not all was said that is expected"},
    {ExitCode::kMeasurement, "measurement refused"},
    {ExitCode::kHostNotAllowed, "host not allowed"},
    {ExitCode::kGuestReset, "reset"},
    {ExitCode::kGuestPanic, "panic"},
    {ExitCode::kSandbox, "sandbox violation"},
    {ExitCode::kTimeLimit, "time limit"},
}};

/// What rvmm said went wrong; empty: it said nothing of that.
std::string last_error(const CaseRun& run) {
    constexpr std::string_view kError = "rvmm: error: ";
    std::string last;
    for (const std::string& message : run.messages)
        if (message.starts_with(kError)) last = message.substr(kError.size());
    return last;
}

std::string with_detail(std::string why, const std::string& detail) {
    if (!detail.empty()) why += ": " + detail;
    return why;
}

/// Why there is nothing to judge; empty: there is.
std::string no_guest(const CaseRun& run) {
    if (!run.error.empty()) return run.error;
    if (!run.report.empty()) return {};
    return with_detail(
        fmt::format("exit code {}, and no report", exit_code_in_words(run.exit_code)),
        last_error(run));
}

/// An image that measures to something else is no image that could not be launched.
Kind kind_without_guest(int code) {
    return code == to_int(ExitCode::kMeasurement) ? Kind::kFailed : Kind::kError;
}

/// Why a guest that ran does not pass; empty: it does.
std::string failure(const TestSpec& spec, const CaseRun& run, const ReportFacts& facts,
                    const Wanted& wanted) {
    if (facts.host != wanted.host)
        return fmt::format("it ran on host {}, not on {}", escape(facts.host), wanted.host);
    if (facts.emulated && !wanted.may_be_emulated)
        return fmt::format("it was emulated, and host {} is asked for", wanted.host);
    if (!wanted.rim.empty() && facts.rim != wanted.rim)
        return fmt::format("it measured to {}, not to {}", escape(facts.rim), wanted.rim);
    if (run.exit_code != spec.exit_code)
        return with_detail(
            fmt::format("exit code {}, expected {}", exit_code_in_words(run.exit_code),
                        exit_code_in_words(spec.exit_code)),
            escape(facts.detail));
    // Two witnesses: what whoever waited for the process has heard, and what it wrote itself.
    if (facts.exit_code != run.exit_code)
        return fmt::format(
            "the process ended with exit code {}, and its report says {}", run.exit_code,
            facts.exit_code ? exit_code_in_words(*facts.exit_code) : std::string("none"));
    if (facts.expected != spec.expect.size() || facts.met != facts.expected)
        return fmt::format("the console said {} of the {} that it is expected to say", facts.met,
                           spec.expect.size());
    return {};
}

}  // namespace

std::string exit_code_in_words(int code) {
    const auto found =
        std::ranges::find_if(kNames, [&](const auto& name) { return to_int(name.first) == code; });
    if (found != kNames.end()) return fmt::format("{} ({})", code, found->second);
    if (code > 0 && code <= to_int(ExitCode::kGuestStatusMax))
        return fmt::format("{} (the guest's own status)", code);
    const char* name = code > killed_by(0) ? ::sigabbrev_np(code - killed_by(0)) : nullptr;
    return name != nullptr ? fmt::format("{} (ended by SIG{})", code, name) : std::to_string(code);
}

CaseResult not_launched(const Error& error) {
    const ExitCode code = exit_code(error.stage());
    CaseResult result{.kind = kind_without_guest(to_int(code)), .why = escape(error.message())};
    result.run.exit_code = to_int(code);
    if (!error.advice().empty()) result.run.messages.push_back("hint: " + escape(error.advice()));
    return result;
}

CaseResult judge(const TestSpec& spec, CaseRun run, const Wanted& wanted) {
    CaseResult result{.kind = Kind::kError, .why = no_guest(run)};
    if (run.error.empty()) result.kind = kind_without_guest(run.exit_code);
    if (result.why.empty()) {
        const auto facts = read_report(run.report);
        result.why = failure(spec, run, facts.value_or(ReportFacts()), wanted);
        result.kind = result.why.empty() ? Kind::kPassed : Kind::kFailed;
    }
    result.run = std::move(run);
    return result;
}

}  // namespace rvmm::vmm::suite
