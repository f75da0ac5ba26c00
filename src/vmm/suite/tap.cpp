#include "vmm/suite/tap.hpp"

#include <nlohmann/json.hpp>

namespace rvmm::vmm::suite {
namespace {

using nlohmann::json;

/// A JSON string, which is a YAML string too.
std::string json_quoted(std::string_view text) {
    return json(text).dump(-1, ' ', true, json::error_handler_t::replace);
}

/// JSON in which nothing is a line end to YAML, such as U+2028.
std::string in_ascii(const std::string& document) {
    return nlohmann::ordered_json::parse(document, nullptr, false).dump(-1, ' ', true);
}

/// A description: '#' would begin a directive.
std::string described(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '#' || c == '\\') out += '\\';
        out += c == '\n' || c == '\r' ? ' ' : c;
    }
    return out;
}

std::string yaml_list(std::string_view key, const std::vector<std::string>& lines) {
    if (lines.empty()) return {};
    std::string text = fmt::format("  {}:\n", key);
    for (const std::string& line : lines) text += fmt::format("    - {}\n", json_quoted(line));
    return text;
}

std::string exits(const std::vector<std::vector<std::string>>& vcpus) {
    std::string text;
    for (std::size_t i = 0; i < vcpus.size(); ++i)
        text += yaml_list(fmt::format("last_exits_{}", i), vcpus[i]);
    return text;
}

/// The report is JSON, and so YAML; what a person looks for first has a line of its own.
std::string diagnostics(const TestCase& one, const CaseResult& result) {
    const CaseRun& run = result.run;
    std::string text = fmt::format("  ---\n  message: {}\n  test: {}\n", json_quoted(result.why),
                                   json_quoted(one.spec->source.string()));
    if (one.host) text += fmt::format("  host: {}\n", to_string(*one.host));
    if (run.error.empty() && result.kind == CaseResult::Kind::kFailed)
        text += fmt::format("  exit_code: {}\n  expected_exit_code: {}\n", run.exit_code,
                            one.spec->exit_code);
    text += yaml_list("messages", run.messages) + yaml_list("console", run.console);
    if (const auto facts = read_report(run.report)) {
        text += exits(facts->last_exits);
        text += fmt::format("  report: {}\n", in_ascii(run.report));
    }
    return text + "  ...\n";
}

}  // namespace

std::string tap_plan(std::size_t count) {
    return fmt::format("TAP version 14\n1..{}{}\n", count, count == 0 ? " # SKIP no case" : "");
}

std::string tap_point(std::size_t number, const TestCase& one, const CaseResult& result) {
    const std::string name = described(one.name());
    if (result.kind == CaseResult::Kind::kSkipped)
        return fmt::format("ok {} - {} # SKIP {}\n", number, name, described(result.why));
    const std::string line = fmt::format("{} {} - {} # time={}ms\n", result.bad() ? "not ok" : "ok",
                                         number, name, result.run.milliseconds);
    return result.bad() ? line + diagnostics(one, result) : line;
}

std::string tap_bail_out(std::string_view why) {
    return fmt::format("Bail out! {}\n", described(why));
}

}  // namespace rvmm::vmm::suite
