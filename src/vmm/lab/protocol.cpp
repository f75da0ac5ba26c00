#include "vmm/lab/protocol.hpp"

#include <nlohmann/json.hpp>

#include "base/json_fields.hpp"

namespace rvmm::vmm::lab {
namespace {

using nlohmann::json;

json to_json(const RunMessage& run) {
    json body = {{"argv", run.argv},
                 {"cwd", run.cwd},
                 {"environment", run.environment},
                 {"collect", run.collect}};
    if (run.terminal) body["terminal"] = {run.terminal->rows, run.terminal->columns};
    if (!run.follow.empty()) body["follow"] = run.follow;
    return {{"run", std::move(body)}};
}
json to_json(const SignalMessage& signal) {
    return {{"signal", signal.number}};
}
json to_json(const ResizeMessage& resize) {
    return {{"resize", {resize.size.rows, resize.size.columns}}};
}
json to_json(const StdinEndMessage& end) {
    return {{"stdin_end", end.total}};
}

json to_json(const HelloMessage& hello) {
    return {{"hello", hello.version}};
}
json to_json(const LineMessage& line) {
    return {{"line", line.text}};
}
json to_json(const ExitedMessage& exited) {
    return {{"exited",
             {{exited.signalled ? "signal" : "status", exited.number},
              {"stdout", exited.stdout_bytes},
              {"stderr", exited.stderr_bytes}}}};
}
json to_json(const FileMessage& file) {
    return {{"file", {{"index", file.index}, {"size", file.content.size()}}}};
}
json to_json(const MissingMessage& missing) {
    return {{"missing", {{"index", missing.index}, {"why", missing.why}}}};
}
json to_json(const ByeMessage&) {
    return {{"bye", true}};
}

std::optional<WindowSize> window_size(const json* value) {
    if (value == nullptr || !value->is_array() || value->size() != 2) return std::nullopt;
    const auto rows = as_unsigned(&(*value)[0], UINT16_MAX);
    const auto columns = as_unsigned(&(*value)[1], UINT16_MAX);
    if (!rows || !columns) return std::nullopt;
    return WindowSize{static_cast<std::uint16_t>(*rows), static_cast<std::uint16_t>(*columns)};
}

std::optional<RunMessage> parse_run(const json& body) {
    auto argv = as_texts(member(body, "argv"));
    auto cwd = as_text(member(body, "cwd"));
    auto environment = as_text_map(member(body, "environment"));
    auto collect = as_texts(member(body, "collect"));
    if (!argv || argv->empty() || !cwd || !environment || !collect) return std::nullopt;
    RunMessage run{.argv = std::move(*argv),
                   .cwd = std::move(*cwd),
                   .environment = std::move(*environment),
                   .collect = std::move(*collect),
                   .terminal = std::nullopt,
                   .follow = as_text(member(body, "follow")).value_or("")};
    if (const json* terminal = member(body, "terminal")) {
        run.terminal = window_size(terminal);
        if (!run.terminal) return std::nullopt;
    }
    return run;
}

std::optional<HostMessage> host_message(const json& message) {
    if (const json* body = member(message, "run")) return parse_run(*body);
    if (const json* body = member(message, "signal")) {
        const auto number = as_unsigned(body, kMaxSignal);
        if (number && *number > 0) return SignalMessage{static_cast<int>(*number)};
    }
    if (const auto size = window_size(member(message, "resize"))) return ResizeMessage{*size};
    if (const auto total = as_unsigned(member(message, "stdin_end"), UINT64_MAX))
        return StdinEndMessage{*total};
    if (const json* body = member(message, "link")) return parse_link(*body);
    return std::nullopt;
}

std::optional<ExitedMessage> parse_exited(const json& body) {
    const auto status = as_unsigned(member(body, "status"), 255);
    const auto signal = as_unsigned(member(body, "signal"), kMaxSignal);
    const auto out = as_unsigned(member(body, "stdout"), UINT64_MAX);
    const auto err = as_unsigned(member(body, "stderr"), UINT64_MAX);
    if (status.has_value() == signal.has_value() || !out || !err) return std::nullopt;
    return ExitedMessage{static_cast<int>(status ? *status : *signal), !status, *out, *err};
}

/// A message of the agent; a file comes with `content_size` bytes still to follow.
std::optional<AgentMessage> agent_message(const json& message, std::size_t& content_size) {
    if (const auto version = as_unsigned(member(message, "hello"), UINT64_MAX))
        return HelloMessage{*version};
    if (auto text = as_text(member(message, "line"))) {
        if (text->size() > kMaxFollowedLine) return std::nullopt;
        return LineMessage{*std::move(text)};
    }
    if (const json* body = member(message, "exited")) return parse_exited(*body);
    if (const json* body = member(message, "file")) {
        const auto index = as_unsigned(member(*body, "index"), SIZE_MAX);
        const auto size = as_unsigned(member(*body, "size"), kMaxCollectedFile);
        if (!index || !size) return std::nullopt;
        content_size = static_cast<std::size_t>(*size);
        return FileMessage{static_cast<std::size_t>(*index), {}};
    }
    if (const json* body = member(message, "missing")) {
        const auto index = as_unsigned(member(*body, "index"), SIZE_MAX);
        auto why = as_text(member(*body, "why"));
        if (!index || !why) return std::nullopt;
        return MissingMessage{static_cast<std::size_t>(*index), std::move(*why)};
    }
    if (member(message, "bye") != nullptr) return ByeMessage{};
    if (const json* body = member(message, "link")) return parse_link(*body);
    return std::nullopt;
}

}  // namespace

Result<std::string> encode(const HostMessage& message) {
    const json value = std::visit([](const auto& m) { return to_json(m); }, message);
    std::string line;
    try {
        line = value.dump() + '\n';
    } catch (const json::type_error&) {
        return fail(Stage::kUsage, "a command for the lab must be UTF-8 text");
    }
    if (line.size() > kMaxLine)
        return fail(Stage::kUsage, "a command for the lab is too long: {} bytes, at most {} fit",
                    line.size(), kMaxLine);
    return line;
}

std::string encode(const AgentMessage& message) {
    const json value = std::visit([](const auto& m) { return to_json(m); }, message);
    std::string bytes = value.dump(-1, ' ', true, json::error_handler_t::replace) + '\n';
    if (const auto* file = std::get_if<FileMessage>(&message))
        bytes.append(reinterpret_cast<const char*>(file->content.data()), file->content.size());
    return bytes;
}

Result<HostMessage> parse_host_message(std::string_view line) {
    const auto message = parse_object(line);
    std::optional<HostMessage> result;
    if (message) result = host_message(*message);
    if (!result) return fail(Stage::kLaunch, "the lab's agent got what is not a message");
    return *std::move(result);
}

void LineReader::push(ByteSpan bytes) {
    pending_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::optional<std::string>> LineReader::next_line() {
    const std::size_t end = pending_.find('\n', start_);
    const std::size_t length = std::min(end, pending_.size()) - start_;
    if (length >= kMaxLine) return fail(Stage::kLaunch, "a line in the lab is too long");
    if (end == pending_.npos) {
        pending_.erase(0, start_);
        start_ = 0;
        return std::nullopt;
    }
    std::string line = pending_.substr(start_, length);
    start_ = end + 1;
    return line;
}

Bytes LineReader::take(std::size_t limit) {
    const ByteSpan rest = as_bytes(pending_).subspan(start_);
    const ByteSpan taken = rest.first(std::min(limit, rest.size()));
    Bytes bytes(taken.begin(), taken.end());
    start_ += taken.size();
    if (start_ == pending_.size()) {
        pending_.clear();
        start_ = 0;
    }
    return bytes;
}

Result<std::optional<AgentMessage>> AgentMessageReader::next() {
    if (!file_) {
        RVMM_TRY(const auto line, lines_.next_line());
        if (!line) return std::nullopt;
        const auto object = parse_object(*line);
        missing_bytes_ = 0;
        std::optional<AgentMessage> message;
        if (object) message = agent_message(*object, missing_bytes_);
        if (!message) return fail(Stage::kLaunch, "the lab's agent sent what is not a message");
        if (!std::holds_alternative<FileMessage>(*message)) return message;
        file_ = std::get<FileMessage>(std::move(*message));
    }
    const Bytes part = lines_.take(missing_bytes_);
    file_->content.insert(file_->content.end(), part.begin(), part.end());
    missing_bytes_ -= part.size();
    if (missing_bytes_ > 0) return std::nullopt;
    AgentMessage whole = *std::move(file_);
    file_.reset();
    return whole;
}

}  // namespace rvmm::vmm::lab
