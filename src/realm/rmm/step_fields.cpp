#include "realm/rmm/step_fields.hpp"

#include "base/text.hpp"
#include "realm/rmm/steps.hpp"

namespace rvmm::realm {

using nlohmann::json;

namespace {

constexpr int kMaxDepth = 16;  // the shared vectors need 7
constexpr std::size_t kMaxShown = 40;

std::optional<std::uint64_t> as_unsigned(const json& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    if (value.is_string()) return parse_unsigned(value.get_ref<const std::string&>());
    return std::nullopt;
}

Result<std::uint64_t> to_number(const char* key, const json& value, std::uint64_t max) {
    const auto number = as_unsigned(value);
    if (!number) return fail(Stage::kConfig, "\"{}\" is no number: {}", key, shown(value));
    if (*number > max)
        return fail(Stage::kConfig, "\"{}\" is at most {:#x}, not {:#x}", key, max, *number);
    return *number;
}

std::unexpected<Error> missing(const char* key) {
    return fail(Stage::kConfig, "there is no \"{}\"", key);
}

}  // namespace

Result<json> parse_steps_document(std::string_view text) {
    if (text.size() > kMaxStepsSize)
        return fail(Stage::kConfig, "larger than {}", format_size(kMaxStepsSize));
    bool deep = false;
    const auto limit_depth = [&](int depth, json::parse_event_t, const json&) {
        deep = deep || depth > kMaxDepth;
        return depth <= kMaxDepth;
    };
    json document;
    try {
        document = json::parse(text, limit_depth);
    } catch (const json::exception& error) {
        std::string_view what = error.what();
        what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
        return fail(Stage::kConfig, "not JSON: {}", what);
    }
    if (deep) return fail(Stage::kConfig, "nested deeper than {} levels", kMaxDepth);
    return document;
}

std::string shown(const json& value) {
    std::string text = value.dump(-1, ' ', true);
    if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
    return text;
}

const json* StepFields::find(const char* key) const {
    if (!object_->is_object()) return nullptr;
    const auto found = object_->find(key);
    return found == object_->end() ? nullptr : &*found;
}

Result<std::uint64_t> StepFields::number(const char* key, std::uint64_t max) const {
    const json* value = find(key);
    if (value == nullptr) return missing(key);
    return to_number(key, *value, max);
}

Result<std::uint64_t> StepFields::number_or(const char* key, std::uint64_t fallback,
                                            std::uint64_t max) const {
    return has(key) ? number(key, max) : fallback;
}

Result<std::int64_t> StepFields::level(const char* key) const {
    const json* value = find(key);
    if (value != nullptr && value->is_number_integer() && !value->is_number_unsigned())
        return value->get<std::int64_t>();
    RVMM_TRY(const std::uint64_t level, number(key, INT64_MAX));
    return static_cast<std::int64_t>(level);
}

Result<std::string> StepFields::text(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return missing(key);
    if (!value->is_string())
        return fail(Stage::kConfig, "\"{}\" is no text: {}", key, shown(*value));
    return value->get<std::string>();
}

Result<Bytes> StepFields::bytes(const char* key, std::size_t max) const {
    RVMM_TRY(const std::string digits, text(key));
    auto bytes = from_hex(digits);
    if (!bytes || bytes->size() > max)
        return fail(Stage::kConfig, "\"{}\" is no hex of up to {} bytes", key, max);
    return *std::move(bytes);
}

Result<std::vector<std::uint64_t>> StepFields::numbers(const char* key, std::size_t count) const {
    std::vector<std::uint64_t> numbers;
    const json* values = find(key);
    if (values == nullptr) return numbers;
    if (!values->is_array() || values->size() != count)
        return fail(Stage::kConfig, "\"{}\" is no list of {} numbers: {}", key, count,
                    shown(*values));
    for (const json& value : *values) {
        RVMM_TRY(const std::uint64_t number, to_number(key, value, UINT64_MAX));
        numbers.push_back(number);
    }
    return numbers;
}

Result<std::optional<measure::Hash>> StepFields::hash(const char* key) const {
    std::optional<measure::Hash> hash;
    if (!has(key)) return hash;
    RVMM_TRY(const std::string name, text(key));
    hash = measure::parse_hash(name);
    if (!hash)
        return fail(Stage::kConfig, "\"{}\" is sha256, sha384 or sha512, not {}", key,
                    shown(*find(key)));
    return hash;
}

}  // namespace rvmm::realm
