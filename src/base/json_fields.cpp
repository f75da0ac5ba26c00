#include "base/json_fields.hpp"

namespace rvmm {

using nlohmann::json;

std::optional<json> parse_object(std::string_view text) {
    json value = json::parse(text, nullptr, false);
    if (!value.is_object()) return std::nullopt;
    return value;
}

const json* member(const json& value, const char* key) {
    if (!value.is_object()) return nullptr;
    const auto found = value.find(key);
    return found == value.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> as_unsigned(const json* value, std::uint64_t max) {
    if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
    const auto number = value->get<std::uint64_t>();
    if (number > max) return std::nullopt;
    return number;
}

std::optional<std::string> as_text(const json* value) {
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return value->get<std::string>();
}

std::optional<std::vector<std::string>> as_texts(const json* value) {
    if (value == nullptr || !value->is_array()) return std::nullopt;
    std::vector<std::string> texts;
    for (const json& element : *value) {
        auto text = as_text(&element);
        if (!text) return std::nullopt;
        texts.push_back(*std::move(text));
    }
    return texts;
}

std::optional<std::map<std::string, std::string>> as_text_map(const json* value) {
    if (value == nullptr || !value->is_object()) return std::nullopt;
    std::map<std::string, std::string> texts;
    for (const auto& [key, element] : value->items()) {
        auto text = as_text(&element);
        if (!text) return std::nullopt;
        texts.emplace(key, *std::move(text));
    }
    return texts;
}

}  // namespace rvmm
