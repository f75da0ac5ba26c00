#include "vmm/suite/case_run.hpp"

#include "base/json_fields.hpp"
#include "base/text.hpp"

namespace rvmm::vmm::suite {
namespace {

using nlohmann::ordered_json;

constexpr int kDeepest = 8;  // a report's own depth is 4
constexpr std::uint64_t kMostMilliseconds = 1ULL << 52;
constexpr std::uint64_t kMostMemory = 1ULL << 60;

std::string dumped(const ordered_json& json) {
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// Lines of text that a lab sent are shown to people: nothing in them may be more than text.
std::optional<std::vector<std::string>> shown_lines(const nlohmann::json* value) {
    auto lines = as_texts(value);
    if (!lines) return std::nullopt;
    for (std::string& line : *lines)
        if (const auto bytes = unescape(line); !bytes || escape(*bytes) != line)
            line = escape(line);
    return lines;
}

bool as_bool(const nlohmann::json* value) {
    return value != nullptr && value->is_boolean() && value->get<bool>();
}

}  // namespace

std::string short_report(std::string_view text) {
    const auto shallow = [](int depth, ordered_json::parse_event_t, const ordered_json&) {
        return depth < kDeepest;
    };
    ordered_json json = ordered_json::parse(text, shallow, false);
    if (!json.is_object()) return {};
    json.erase("console_tail");
    return dumped(json);
}

std::optional<ReportFacts> read_report(std::string_view report) {
    const auto json = parse_object(report);
    if (!json) return std::nullopt;
    ReportFacts facts;
    facts.host = as_text(member(*json, "host")).value_or("");
    facts.emulated = as_bool(member(*json, "emulated"));
    facts.rim = as_text(member(*json, "rim")).value_or("");
    if (const auto code = as_unsigned(member(*json, "exit_code"), 255))
        facts.exit_code = static_cast<int>(*code);
    facts.detail = as_text(member(*json, "detail")).value_or("");
    if (const nlohmann::json* expected = member(*json, "expected")) {
        facts.met = as_unsigned(member(*expected, "met"), UINT32_MAX).value_or(0);
        facts.expected = as_unsigned(member(*expected, "of"), UINT32_MAX).value_or(0);
    }
    const nlohmann::json* exits = member(*json, "last_exits");
    if (exits != nullptr && exits->is_array())
        for (const nlohmann::json& vcpu : *exits)
            facts.last_exits.push_back(as_texts(&vcpu).value_or(std::vector<std::string>()));
    return facts;
}

std::string run_line(std::size_t index, const CaseRun& run) {
    const ordered_json json = {{"case", index},
                               {"exit_code", run.exit_code},
                               {"error", run.error},
                               {"report", run.report},
                               {"console", run.console},
                               {"messages", run.messages},
                               {"milliseconds", run.milliseconds},
                               {"peak_memory", run.peak_memory},
                               {"free_memory", run.free_memory}};
    return dumped(json) + "\n";
}

Result<> RunLines::feed(ByteSpan bytes) {
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!error_ && !text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (line_.size() + end > kLongestLine) {
            error_ = Error(Stage::kLaunch, "the lab's rvmm sent a line that is too long");
            break;
        }
        line_ += text.substr(0, end);
        if (end == text.size()) break;
        text.remove_prefix(end + 1);
        if (auto taken = take_line(line_); !taken) error_ = std::move(taken).error();
        line_.clear();
    }
    if (error_) return std::unexpected(*error_);
    return {};
}

Result<> RunLines::take_line(std::string_view line) {
    const auto json = parse_object(line);
    if (!json) return fail(Stage::kLaunch, "the lab's rvmm sent a line that is no run");
    const auto index = as_unsigned(member(*json, "case"), kMostMilliseconds);
    const auto exit_code = as_unsigned(member(*json, "exit_code"), 255);
    const auto error = as_text(member(*json, "error"));
    const auto report = as_text(member(*json, "report"));
    const auto console = shown_lines(member(*json, "console"));
    const auto messages = shown_lines(member(*json, "messages"));
    const auto milliseconds = as_unsigned(member(*json, "milliseconds"), kMostMilliseconds);
    const auto peak = as_unsigned(member(*json, "peak_memory"), kMostMemory);
    const auto free = as_unsigned(member(*json, "free_memory"), kMostMemory);
    if (!index || !exit_code || !error || !report || !console || !messages || !milliseconds ||
        !peak || !free)
        return fail(Stage::kLaunch, "the lab's rvmm sent a line that is no run");
    if (*index >= seen_.size() || seen_[*index])
        return fail(Stage::kLaunch, "the lab's rvmm sent run {} out of turn", *index);
    seen_[*index] = true;
    take_(*index, {.exit_code = static_cast<int>(*exit_code),
                   .error = escape(*error),
                   .report = short_report(*report),
                   .console = *console,
                   .messages = *messages,
                   .milliseconds = *milliseconds,
                   .peak_memory = *peak,
                   .free_memory = *free});
    return {};
}

}  // namespace rvmm::vmm::suite
