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

// How many characters at the front of `text` stand for themselves.
std::size_t plain_size(std::string_view text) {
    const auto special = [](char c) {
        return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
    };
    return static_cast<std::size_t>(std::ranges::find_if(text, special) - text.begin());
}

// 0 to 15, or more for what is no lower-case hex digit.
unsigned hex_digit(char c) {
    const auto digit = static_cast<unsigned char>(c - '0');
    const auto letter = static_cast<unsigned char>(c - 'a');
    return digit < 10 ? digit : letter < 6 ? letter + 10U : 16U;
}

// Fills `out` from exactly as many digits as it needs; false for any other text.
bool parse_hex(std::string_view text, MutableByteSpan out) {
    if (text.size() != 2 * out.size()) return false;
    unsigned seen = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const unsigned high = hex_digit(text[2 * i]);
        const unsigned low = hex_digit(text[2 * i + 1]);
        seen |= high | low;
        out[i] = static_cast<std::byte>((high << 4) | low);
    }
    return seen < 16;
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
        const std::size_t size = plain_size(rest);
        const Escape escape = parse_escape(rest.substr(size));
        text += rest.substr(0, size);
        at_ += size + escape.length;
        if (escape.length != 0) text += escape.character;
        if (size + escape.length == 0) note(at_, "a text is not written as the log's texts are");
    }
    if (!is_utf8(text)) note(start, "a text is not UTF-8");
    return failed() ? std::string() : text;
}

Bytes LogScanner::bytes(std::size_t max) {
    const std::string_view text = quoted();
    if (text.size() / 2 > max) refuse(fmt::format("it is longer than {} bytes", max));
    if (failed()) return {};
    Bytes bytes(text.size() / 2);
    if (!parse_hex(text, bytes)) refuse("bytes in lower-case hex are expected");
    return failed() ? Bytes() : bytes;
}

Digest LogScanner::digest(Hash hash) {
    const std::string_view text = quoted();
    Digest digest(hash);
    if (!parse_hex(text, digest.mutable_bytes()))
        refuse(fmt::format("a digest of {} in lower-case hex is expected", to_string(hash)));
    return digest;
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
