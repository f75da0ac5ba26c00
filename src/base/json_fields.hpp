// Typed looks into JSON that may be anything: a value of another type is nothing, not an exception.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace rvmm {

/// The JSON object that `text` is; nothing if it is anything else.
std::optional<nlohmann::json> parse_object(std::string_view text);

/// The member `key` of `value`; null if `value` is not an object or has no such member.
const nlohmann::json* member(const nlohmann::json& value, const char* key);

// Each takes a null pointer as "nothing".
std::optional<std::uint64_t> as_unsigned(const nlohmann::json* value, std::uint64_t max);
std::optional<std::string> as_text(const nlohmann::json* value);
std::optional<std::vector<std::string>> as_texts(const nlohmann::json* value);
std::optional<std::map<std::string, std::string>> as_text_map(const nlohmann::json* value);

}  // namespace rvmm
