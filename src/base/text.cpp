#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/utf8.hpp"

namespace rvmm {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above + 1, row[j - 1] + 1, change});
            diagonal = above;
        }
    }
    return row[b.size()];
}

/// Well-formed characters that a terminal would not show: C0, DEL and C1 controls.
bool is_control_character(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    return first < ' ' || first == 0x7f ||
           (first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0);
}

std::string escaped_byte(char c) {
    switch (c) {
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view wrong,
                                        std::span<const std::string_view> names) {
    std::optional<std::string_view> best;
    std::size_t best_distance = SIZE_MAX;
    if (wrong.size() > 64) return best;
    for (const std::string_view name : names) {
        const std::size_t distance = edit_distance(wrong, name);
        const std::size_t tolerated =
            std::max<std::size_t>(1, std::max(wrong.size(), name.size()) / 3);
        if (distance <= tolerated && distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data()) return std::nullopt;
    std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    unsigned shift = 0;
    if (!unit.empty()) {
        static constexpr std::string_view kUnits = "KMGT";
        const auto upper = [](char c) {
            return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        };
        const std::size_t power = kUnits.find(upper(unit[0]));
        if (power == std::string_view::npos) return std::nullopt;
        shift = static_cast<unsigned>(10 * (power + 1));
        unit.remove_prefix(1);
        if (!unit.empty() && unit != "B" && unit != "iB") return std::nullopt;
    }
    if (number > (UINT64_MAX >> shift)) return std::nullopt;
    return number << shift;
}

std::string hex(std::uint64_t value) {
    return fmt::format("{:#x}", value);
}

std::string format_size(std::uint64_t bytes) {
    static constexpr std::array<char, 4> kUnits = {'T', 'G', 'M', 'K'};
    unsigned shift = 40;
    for (const char unit : kUnits) {
        if (bytes != 0 && (bytes & ((std::uint64_t{1} << shift) - 1)) == 0)
            return std::to_string(bytes >> shift) + unit;
        shift -= 10;
    }
    return std::to_string(bytes);
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
    int radix = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        radix = 16;
    }
    std::uint64_t number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, radix);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return number;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {
        {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}}};
    static constexpr double kLongest = 1000 * 3600;
    double unit = 1;
    for (const auto& [name, seconds] : kUnits) {
        if (!text.ends_with(name)) continue;
        unit = seconds;
        text.remove_suffix(name.size());
        break;
    }
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    const double seconds = number * unit;
    if (error != std::errc() || end != text.data() + text.size() || !(seconds > 0) ||
        seconds > kLongest)
        return std::nullopt;
    const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(seconds));
    if (time.count() == 0) return std::nullopt;
    return time;
}

std::string escape(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        // Well-formed characters have at most four bytes.
        const std::string_view front = text.substr(0, std::min<std::size_t>(text.size(), 4));
        std::size_t size = 1;
        while (size < front.size() && utf8_prefix(front.substr(0, size)) == 0) ++size;
        const bool character = utf8_prefix(front.substr(0, size)) == size;
        if (character && !is_control_character(front)) {
            out += front[0] == '\\' ? std::string("\\\\") : std::string(front.substr(0, size));
        } else {
            if (!character) size = 1;
            for (const char c : front.substr(0, size)) out += escaped_byte(c);
        }
        text.remove_prefix(size);
    }
    return out;
}

std::optional<std::string> unescape(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        if (text[0] != '\\') {
            out += text[0];
            text.remove_prefix(1);
            continue;
        }
        static constexpr std::array<std::pair<char, char>, 4> kLetters = {
            {{'\\', '\\'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}}};
        const char letter = text.size() > 1 ? text[1] : '\0';
        const auto* const known =
            std::ranges::find(kLetters, letter, [](auto p) { return p.first; });
        if (known != kLetters.end()) {
            out += known->second;
            text.remove_prefix(2);
            continue;
        }
        const auto byte = letter == 'x' ? from_hex(text.substr(2, 2)) : std::nullopt;
        if (!byte || byte->size() != 1) return std::nullopt;
        out += static_cast<char>(byte->front());
        text.remove_prefix(4);
    }
    return out;
}

}  // namespace rvmm
