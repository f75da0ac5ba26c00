#include "vmm/control/json_stream.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace rvmm::vmm {
namespace {

constexpr unsigned char kNeverInText = 0xff;

bool is_json_space(unsigned char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// What is in no JSON text, wherever it stands.
bool ends_anything(unsigned char c) {
    return c == kNeverInText || (c < ' ' && !is_json_space(c));
}

}  // namespace

std::optional<JsonStream::Item> JsonStream::next(std::string_view& bytes) {
    while (!bytes.empty()) {
        const auto c = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (auto item = take(c)) return item;
        if (text_.size() > max_object_) return too_large();
    }
    return std::nullopt;
}

JsonStream::Item JsonStream::too_large() {
    Item item =
        mistake(fmt::format("an object has at most {} bytes", max_object_), State::kSkipping);
    std::get<Mistake>(item).fatal = true;
    return item;
}

std::optional<JsonStream::Item> JsonStream::take(unsigned char c) {
    // What is skipped has had its answer.
    if (ends_anything(c) && state_ != State::kSkipping)
        return mistake("JSON parse error, a control character", State::kBetween);
    switch (state_) {
        case State::kBetween:
            return take_between(c);
        case State::kSkipping:
            if (c == '\n' || ends_anything(c)) state_ = State::kBetween;
            return std::nullopt;
        case State::kInside:
            return take_inside(c);
        case State::kString:
        case State::kEscape:
            if (c < ' ')
                return mistake("JSON parse error, a string ends with its line",
                               c == '\n' ? State::kBetween : State::kSkipping);
            state_ == State::kString ? take_string(c) : take_escaped(c);
            return std::nullopt;
    }
    return std::nullopt;
}

std::optional<JsonStream::Item> JsonStream::take_between(unsigned char c) {
    if (is_json_space(c)) return std::nullopt;
    if (c == '{' || c == '[') return take_inside(c);
    return mistake("JSON parse error, expecting an object", State::kSkipping);
}

std::optional<JsonStream::Item> JsonStream::take_inside(unsigned char c) {
    state_ = State::kInside;
    if (c == '"' || c == '\'') {
        quote_ = static_cast<char>(c);
        state_ = State::kString;
        text_ += '"';
        return std::nullopt;
    }
    text_ += static_cast<char>(c);
    if (c == '{' || c == '[') {
        brackets_ += c == '{' ? '}' : ']';
        if (brackets_.size() > kMaxDepth)
            return mistake(fmt::format("JSON is nested more than {} deep", kMaxDepth),
                           State::kSkipping);
    }
    if (c == '}' || c == ']') return close(static_cast<char>(c));
    return std::nullopt;
}

void JsonStream::take_string(unsigned char c) {
    if (c == '\\') {
        state_ = State::kEscape;
    } else if (static_cast<char>(c) == quote_) {
        state_ = State::kInside;
        text_ += '"';
    } else if (c == '"') {
        text_ += "\\\"";
    } else {
        text_ += static_cast<char>(c);
    }
}

void JsonStream::take_escaped(unsigned char c) {
    state_ = State::kString;
    if (c != '\'') text_ += '\\';
    text_ += static_cast<char>(c);
}

std::optional<JsonStream::Item> JsonStream::close(char bracket) {
    if (brackets_.back() != bracket)
        return mistake("JSON parse error, brackets do not match", State::kSkipping);
    brackets_.pop_back();
    if (!brackets_.empty()) return std::nullopt;
    if (text_.size() > max_object_) return too_large();
    Item item = parse();
    text_ = std::string();
    state_ = State::kBetween;
    return item;
}

JsonStream::Item JsonStream::mistake(std::string what, State next) {
    text_ = std::string();  // gives its memory back
    brackets_.clear();
    state_ = next;
    return Mistake{std::move(what)};
}

JsonStream::Item JsonStream::parse() {
    if (!is_utf8(text_)) return Mistake{"JSON parse error, this is not UTF-8"};
    auto value = nlohmann::json::parse(text_, nullptr, false);
    if (value.is_discarded()) return Mistake{"JSON parse error"};
    if (!value.is_object()) return Mistake{"QMP input must be a JSON object"};
    return value;
}

}  // namespace rvmm::vmm
