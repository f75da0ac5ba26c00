// What errors and the reference say about keys: what they take, and which one was meant.
#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/ranges.h>

#include "base/text.hpp"
#include "realm/spec/config_keys.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

std::string quoted_list(std::span<const std::string_view> names) {
    std::vector<std::string> quoted;
    for (const std::string_view name : names) quoted.push_back(fmt::format("\"{}\"", name));
    return fmt::format("{}", fmt::join(quoted, ", "));
}

std::vector<std::string_view> key_names(std::optional<std::string_view> table) {
    std::vector<std::string_view> names;
    for (const ConfigKey& key : config_keys())
        if (!table || key.table == *table) names.push_back(key.name);
    return names;
}

/// The full name of the key that `name` probably is: of `table`, else of any table.
std::optional<std::string> nearest_key(std::string_view table, std::string_view name) {
    if (const auto near = nearest(name, key_names(table)))
        return find_key(table, *near)->full_name();
    const auto near = nearest(name, key_names(std::nullopt));
    if (!near) return std::nullopt;
    return std::ranges::find(config_keys(), *near, &ConfigKey::name)->full_name();
}

struct Expectation {
    std::string operator()(const IntegerRule& rule) const {
        const std::string steps = rule.step == 1 ? "" : fmt::format(" in steps of {}", rule.step);
        return fmt::format("a whole number from {} to {}{}", rule.min, rule.max, steps);
    }
    std::string operator()(const SizeRule& rule) const {
        return fmt::format("a size from {} to {} in steps of {}, such as \"512M\"",
                           format_size(rule.min), format_size(rule.max), format_size(rule.step));
    }
    std::string operator()(const SizesRule& rule) const {
        std::vector<std::string> sizes;
        for (const std::uint64_t size : rule.sizes) sizes.push_back(format_size(size));
        return fmt::format("one of the sizes {}", fmt::join(sizes, ", "));
    }
    std::string operator()(const BooleanRule&) const { return "true or false"; }
    std::string operator()(const TextRule& rule) const {
        if (rule.min_bytes == 0) return fmt::format("a string of up to {} bytes", rule.max_bytes);
        return fmt::format("a string of {} to {} bytes", rule.min_bytes, rule.max_bytes);
    }
    std::string operator()(const FormRule& rule) const { return std::string(rule.takes); }
    std::string operator()(const PathRule&) const { return "the path of a file"; }
    std::string operator()(const ChoiceRule& rule) const {
        return "one of " + quoted_list(rule.names);
    }
    std::string operator()(const ChoicesRule& rule) const {
        return "an array of one or more of " + quoted_list(rule.names);
    }
    std::string operator()(const HexRule& rule) const {
        return fmt::format("a string of up to {} hex digits, two for each byte",
                           2 * rule.max_bytes);
    }
    std::string operator()(const DigestRule&) const { return "64, 96 or 128 hex digits"; }
    std::string operator()(const ContentsRule& rule) const {
        return fmt::format("the path of a file of 1 to {} bytes", rule.max_bytes);
    }
    std::string operator()(const KeyRule&) const {
        return "the path of a private key, P-256, P-384 or P-521 as PEM";
    }
};

}  // namespace

std::string expectation(const Rule& rule) {
    return std::visit(Expectation{}, rule);
}

std::string heading(std::string_view table) {
    return find_list(table) == nullptr ? fmt::format("[{}]", table) : fmt::format("[[{}]]", table);
}

std::string unknown_key(std::string_view table, std::string_view name) {
    const std::string what =
        fmt::format("unknown key {}.{}", printable(table, kShownKey), printable(name, kShownKey));
    if (const auto near = nearest_key(table, name))
        return fmt::format("{}; did you mean {}?", what, *near);
    return fmt::format("{}; the keys of {} are {}", what, heading(table),
                       fmt::join(key_names(table), ", "));
}

std::string unknown_table(std::string_view name) {
    const std::string what = fmt::format("unknown table [{}]", printable(name, kShownKey));
    if (const auto near = nearest(name, config_tables()))
        return fmt::format("{}; did you mean {}?", what, heading(*near));
    if (const auto near = nearest_key({}, name))
        return fmt::format("{}; did you mean the key {}?", what, *near);
    return fmt::format("{}; the tables are {}", what, fmt::join(config_tables(), ", "));
}

std::string did_you_mean(std::string_view wrong, std::span<const std::string_view> names) {
    const auto near = nearest(wrong, names);
    return near ? fmt::format("; did you mean \"{}\"?", *near) : std::string();
}

}  // namespace rvmm::realm
