#include "realm/spec/config_text.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "realm/spec/toml_library.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kShownText = 64;
constexpr std::size_t kShownSyntaxError = 200;

Position position_of(const toml::source_position& position) {
    return {position.line, position.column};
}

std::string where(std::string_view name, Position position) {
    if (position.line == 0) return std::string(name);
    return fmt::format("{}:{}:{}", name, position.line, position.column);
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

bool continues_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// What the library does not look at, or not safely: control characters, and tables nested so deep
/// by a dotted key that they would exhaust the stack when they are destroyed.
Result<> check_lines(std::string_view text, std::string_view name) {
    Position position{1, 0};
    std::size_t dots = 0;
    for (const char c : text) {
        if (!continues_character(c)) ++position.column;
        if (is_control(c) && c != '\t' && c != '\n' && c != '\r')
            return fail(Stage::kConfig, "{}: byte 0x{:02x} does not belong in a text file",
                        where(name, position), static_cast<unsigned char>(c));
        if (c == '.' && ++dots > kMaxDotsInLine)
            return fail(Stage::kConfig, "{}: the line has more than {} dots", where(name, position),
                        kMaxDotsInLine);
        if (c != '\n') continue;
        position = {position.line + 1, 0};
        dots = 0;
    }
    return {};
}

/// Said in our words where the library's do not help: the mistakes that people make most.
struct Rewording {
    std::string_view library;  // in the library's message
    std::string_view ours;
};
constexpr std::array<Rewording, 4> kRewordings = {{
    {"unescaped control characters other than TAB", "the string has no closing quote on its line"},
    {"decimal integer: expected digit",
     "not a number; text and sizes such as \"512M\" need quotes"},
    {"could not determine value type", "not a value; text needs quotes"},
    {"exceeded maximum nested value depth", "too many brackets within each other"},
}};

Error syntax_error(const toml::parse_error& error, std::string_view name) {
    static constexpr std::string_view kPrefix = "Error while parsing ";
    std::string text = printable(error.description(), kShownSyntaxError);
    if (text.starts_with(kPrefix))
        text.erase(0, kPrefix.size());
    else if (text.starts_with("Encountered"))
        text[0] = 'e';
    for (const Rewording& rewording : kRewordings)
        if (text.find(rewording.library) != std::string::npos) text = rewording.ours;
    return Error(Stage::kConfig, fmt::format("{}: not valid TOML: {}",
                                             where(name, position_of(error.source().begin)), text));
}

Result<toml::table> parse(std::string_view text, std::string_view name) {
    RVMM_CHECK(check_lines(text, name));
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        return std::unexpected(syntax_error(error, name));
    } catch (const std::exception& error) {
        return fail(Stage::kInternal, "{}: cannot parse: {}", name, error.what());
    }
}

ConfigValue convert(const toml::node& node) {
    ConfigValue value;
    value.position = position_of(node.source().begin);
    if (const auto* text = node.as_string()) {
        value.data = text->get();
    } else if (const auto* integer = node.as_integer()) {
        value.data = integer->get();
    } else if (const auto* real = node.as_floating_point()) {
        value.data = real->get();
    } else if (const auto* boolean = node.as_boolean()) {
        value.data = boolean->get();
    } else if (const auto* array = node.as_array()) {
        ConfigValue::List list;
        for (const toml::node& element : *array) list.push_back(convert(element));
        value.data = std::move(list);
    } else if (node.is_table()) {
        value.data = ConfigValue::Table{};
    } else {
        value.data = ConfigValue::Date{};
    }
    return value;
}

/// Adds the keys of `node`, if it is a table.
void list_keys(const std::string& table, const toml::node& node, std::optional<std::size_t> element,
               std::vector<ConfigEntry>& entries) {
    const toml::table* keys = node.as_table();
    if (keys == nullptr) return;
    for (const auto& [key, value] : *keys)
        entries.push_back({table, std::string(key.str()), position_of(key.source().begin),
                           convert(value), element});
}

std::vector<ConfigEntry> list_entries(const toml::table& root) {
    std::vector<ConfigEntry> entries;
    for (const auto& [table_name, node] : root) {
        const std::string table(table_name.str());
        entries.push_back(
            {table, std::nullopt, position_of(table_name.source().begin), convert(node)});
        list_keys(table, node, std::nullopt, entries);
        if (const toml::array* tables = node.as_array())
            for (std::size_t i = 0; i < tables->size(); ++i)
                list_keys(table, (*tables)[i], i, entries);
    }
    return entries;
}

}  // namespace

Result<std::vector<ConfigEntry>> read_toml(std::string_view text, std::string_view name) {
    RVMM_TRY(const toml::table root, parse(text, name));
    std::vector<ConfigEntry> entries = list_entries(root);
    std::sort(entries.begin(), entries.end(), [](const ConfigEntry& a, const ConfigEntry& b) {
        return std::pair(a.position.line, a.position.column) <
               std::pair(b.position.line, b.position.column);
    });
    return entries;
}

std::optional<ConfigValue> read_toml_value(std::string_view text) {
    const auto root = parse(fmt::format("value = {}", text), "value");
    if (!root || root->size() != 1 || root->begin()->first.str() != "value") return std::nullopt;
    return convert(root->begin()->second);
}

std::string printable(std::string_view text, std::size_t limit) {
    std::size_t end = std::min(text.size(), limit);
    while (end > 0 && end < text.size() && continues_character(text[end])) --end;
    std::string out;
    for (const char c : text.substr(0, end)) {
        if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (is_control(c))
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            out += c;
    }
    return end < text.size() ? out + "..." : out;
}

std::string show(const ConfigValue& value) {
    if (const auto* text = std::get_if<std::string>(&value.data)) {
        const std::string quoted = fmt::format("\"{}\"", printable(*text, kShownText));
        return text->size() > kShownText ? fmt::format("{} ({} bytes)", quoted, text->size())
                                         : quoted;
    }
    if (const auto* integer = std::get_if<std::int64_t>(&value.data))
        return std::to_string(*integer);
    if (const auto* real = std::get_if<double>(&value.data)) return fmt::format("{:#}", *real);
    if (const auto* boolean = std::get_if<bool>(&value.data)) return *boolean ? "true" : "false";
    if (const auto* list = std::get_if<ConfigValue::List>(&value.data))
        return list->empty() ? "an empty array" : "an array";
    return std::holds_alternative<ConfigValue::Date>(value.data) ? "a date or time" : "a table";
}

}  // namespace rvmm::realm
