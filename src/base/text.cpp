#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <vector>

#include <fmt/format.h>

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

}  // namespace rvmm
