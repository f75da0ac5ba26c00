#include "measure/log_scanner.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/utf8.hpp"

namespace rvmm::measure {
namespace {

// A number as it is written: no sign, no leading zero, lower-case digits. Nothing for other text.
std::optional<std::uint64_t> parse_canonical(std::string_view digits, int radix) {
    const bool leading_zero = digits.size() > 1 && digits[0] == '0';
    const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (digits.empty() || leading_zero || std::ranges::any_of(digits, upper)) return std::nullopt;
    std::uint64_t number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, radix);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

// The character that the escape at the front of `text` stands for, as log.cpp writes escapes, and
// how long the escape is; length 0 if it is none.
struct Escape {
    char character = 0;
    std::size_t length = 0;
};
Escape parse_escape(std::string_view text) {
    if (text.starts_with(R"(\")")) return {'"', 2};
    if (text.starts_with(R"(\\)")) return {'\\', 2};
    if (!text.starts_with(R"(\u00)") || text.size() < 6) return {};
    const std::size_t digits = text[4] == '0' ? 5 : 4;  // of the number without its leading zero
    const auto code = parse_canonical(text.substr(digits, 6 - digits), 16);
    return code && *code < 0x20 ? Escape{static_cast<char>(*code), 6} : Escape{};
}

}  // namespace

void LogScanner::note(std::size_t column, std::string why) {
    if (failed()) return;
    column_ = column;
    why_ = std::move(why);
}

void LogScanner::refuse(std::string_view why) {
    note(last_, std::string(why));
}

bool LogScanner::accept(std::string_view text) {
    if (failed() || !line_.substr(at_).starts_with(text)) return false;
    last_ = at_;
    at_ += text.size();
    return true;
}

void LogScanner::expect(std::string_view text) {
    if (!accept(text)) note(at_, fmt::format("{} is expected", text));
}

std::uint64_t LogScanner::number(std::uint64_t max) {
    const std::string_view rest = line_.substr(at_);
    const std::size_t size = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const auto number = parse_canonical(rest.substr(0, size), 10);
    if (!number || *number > max) note(at_, fmt::format("a number up to {} is expected", max));
    if (failed()) return 0;
    accept(rest.substr(0, size));
    return *number;
}

// What lies before the next quote; that quote is taken too.
std::string_view LogScanner::quoted() {
    expect("\"");
    const std::string_view rest = line_.substr(at_);
    const std::size_t size = rest.find('"');
    if (size == std::string_view::npos) note(at_, "a closing quote is missing");
    if (failed()) return {};
    accept(rest.substr(0, size + 1));
    return rest.substr(0, size);
}

std::uint64_t LogScanner::hex_number() {
    const std::string_view text = quoted();
    const auto number = text.starts_with("0x") ? parse_canonical(text.substr(2), 16) : std::nullopt;
    if (!number) refuse("a hexadecimal number is expected, 0x and lower-case digits");
    return number.value_or(0);
}

std::string LogScanner::text() {
    expect("\"");
    std::string text;
    const std::size_t start = at_;
    while (!failed() && !accept("\"")) {
        const std::string_view rest = line_.substr(at_);
        const Escape escape = parse_escape(rest);
        if (escape.length != 0) {
            text += escape.character;
            at_ += escape.length;
        } else if (rest.empty() || rest[0] == '\\' || static_cast<unsigned char>(rest[0]) < 0x20) {
            note(at_, "a text is not written as the log's texts are");
        } else {
            text += rest[0];
            ++at_;
        }
    }
    if (!is_utf8(text)) note(start, "a text is not UTF-8");
    return failed() ? std::string() : text;
}

Bytes LogScanner::bytes(std::size_t max) {
    const std::string_view text = quoted();
    const auto upper = [](char c) { return c >= 'A' && c <= 'F'; };
    if (text.size() / 2 > max) refuse(fmt::format("it is longer than {} bytes", max));
    if (std::ranges::any_of(text, upper)) refuse("lower-case hex is expected");
    auto bytes = failed() ? std::nullopt : from_hex(text);
    if (!bytes) refuse("hexadecimal bytes are expected");
    return failed() ? Bytes() : *std::move(bytes);
}

Digest LogScanner::digest(Hash hash) {
    const auto found = Digest::from(bytes(kMaxDigestSize));
    if (found && found->size() == digest_size(hash)) return *found;
    refuse(fmt::format("a digest of {} is expected", to_string(hash)));
    return {};
}

bool LogScanner::boolean() {
    if (accept("true")) return true;
    expect("false");
    return false;
}

Result<> LogScanner::finish() {
    if (at_ != line_.size()) note(at_, "the line should end");
    if (!failed()) return {};
    return fail(Stage::kImage, "column {}: {}", column_ + 1, why_);
}

}  // namespace rvmm::measure
