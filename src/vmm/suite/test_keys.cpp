#include "vmm/suite/test_keys.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/ranges.h>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "measure/hash.hpp"

namespace rvmm::vmm::suite {
namespace {

using realm::ConfigValue;

constexpr std::size_t kMostElements = 256;
constexpr double kLongestTime = 1000.0 * 3600;  // seconds, as parse_duration()

bool image(const ConfigValue& value, TestDraft& draft) {
    const std::string* path = argument_of(value, kMaxPath);
    if (path == nullptr || path->empty() || realm::printable(*path, path->size()) != *path)
        return false;
    draft.spec.image = draft.folder / *path;
    return true;
}

bool host(const ConfigValue& value, TestDraft& draft) {
    const auto* name = std::get_if<std::string>(&value.data);
    draft.spec.host = name == nullptr ? std::nullopt : test_host(*name);
    return draft.spec.host.has_value();
}

/// A string, or an array of them.
std::optional<std::vector<std::string>> texts_of(const ConfigValue& value) {
    if (const std::string* text = argument_of(value, kMostText)) return std::vector{*text};
    const auto* list = std::get_if<ConfigValue::List>(&value.data);
    if (list == nullptr || list->size() > kMostElements) return std::nullopt;
    std::vector<std::string> texts;
    for (const ConfigValue& element : *list) {
        const std::string* text = argument_of(element, kMostText);
        if (text == nullptr) return std::nullopt;
        texts.push_back(*text);
    }
    return texts;
}

bool set(const ConfigValue& value, TestDraft& draft) {
    const auto texts = texts_of(value);
    if (!texts) return false;
    for (const std::string& text : *texts) {
        auto setting = settle(text, draft.folder);
        if (!setting) {
            draft.complaint = setting.error();
            return false;
        }
        draft.spec.settings.push_back(*std::move(setting));
    }
    return true;
}

std::optional<std::chrono::nanoseconds> time_of(const ConfigValue& value) {
    if (const auto* text = std::get_if<std::string>(&value.data)) return parse_duration(*text);
    double seconds = 0;
    if (const auto* integer = std::get_if<std::int64_t>(&value.data))
        seconds = static_cast<double>(*integer);
    else if (const auto* real = std::get_if<double>(&value.data))
        seconds = *real;
    if (!(seconds >= 1e-9) || seconds > kLongestTime) return std::nullopt;
    return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

bool timeout(const ConfigValue& value, TestDraft& draft) {
    const auto time = time_of(value);
    if (time) draft.spec.timeout = *time;
    return time.has_value();
}

bool boot_timeout(const ConfigValue& value, TestDraft& draft) {
    draft.spec.boot_timeout = time_of(value);
    return draft.spec.boot_timeout.has_value();
}

/// What is said in tables, { regex = "...", send = "..." }, is filled in afterwards.
bool expect(const ConfigValue& value, TestDraft& draft) {
    if (const std::string* text = argument_of(value, kMostText)) {
        draft.spec.expect = {{*text}};
        return true;
    }
    const auto* list = std::get_if<ConfigValue::List>(&value.data);
    if (list == nullptr || list->size() > kMostElements) return false;
    for (const ConfigValue& element : *list) {
        const std::string* text = argument_of(element, kMostText);
        if (text == nullptr && !std::holds_alternative<ConfigValue::Table>(element.data))
            return false;
        draft.spec.expect.push_back({text != nullptr ? *text : std::string()});
    }
    return true;
}

bool fail_on(const ConfigValue& value, TestDraft& draft) {
    auto texts = texts_of(value);
    if (!texts) return false;
    draft.spec.fail_on = *std::move(texts);
    return true;
}

bool end_when_met(const ConfigValue& value, TestDraft& draft) {
    const auto* yes = std::get_if<bool>(&value.data);
    if (yes != nullptr) draft.spec.end_when_met = *yes;
    return yes != nullptr;
}

/// Any other is rvmm's own, for a run that was none: that is no way to pass.
bool exit_code(const ConfigValue& value, TestDraft& draft) {
    const auto* code = std::get_if<std::int64_t>(&value.data);
    if (code == nullptr || *code < 0) return false;
    if (*code > to_int(ExitCode::kGuestStatusMax) && *code != to_int(ExitCode::kGuestReset) &&
        *code != to_int(ExitCode::kGuestPanic) && *code != to_int(ExitCode::kTimeLimit))
        return false;
    draft.spec.exit_code = static_cast<int>(*code);
    return true;
}

bool expect_rim(const ConfigValue& value, TestDraft& draft) {
    const auto* hex = std::get_if<std::string>(&value.data);
    const auto rim = hex == nullptr ? std::nullopt : measure::Digest::from_hex(*hex);
    if (!rim || rim->empty()) return false;
    draft.spec.expect_rim = to_hex(*rim);
    return true;
}

constexpr std::string_view kTime = "a time such as \"30s\", \"500ms\" or \"5m\", or seconds";

constexpr auto kKeys = std::to_array<TestKey>({
    {"image", "the path of a config (docs/image-cfg.md)", image},
    {"host", "\"cca\", \"emulated\", \"lab\" or \"vm\"", host},
    {"set", "an array of up to 256 strings \"KEY=VALUE\"", set},
    {"timeout", kTime, timeout},
    {"boot_timeout", kTime, boot_timeout},
    {"expect", "an array of up to 256 regular expressions, or tables { regex = \"\", send = \"\" }",
     expect},
    {"fail_on", "an array of up to 256 regular expressions", fail_on},
    {"end_when_met", "true or false", end_when_met},
    {"exit_code", "how a guest ends: 0 to 63, 80 (reset), 81 (panic) or 124 (time limit)",
     exit_code},
    {"expect_rim", "64, 96 or 128 hex digits", expect_rim},
});

}  // namespace

std::optional<RunsOn> test_host(std::string_view name) {
    for (const RunsOn host : {RunsOn::kCca, RunsOn::kEmulated, RunsOn::kLab, RunsOn::kLocalVm})
        if (to_string(host) == name) return host;
    return std::nullopt;
}

std::span<const TestKey> test_keys() {
    return kKeys;
}

const TestKey* find_test_key(std::string_view name) {
    const auto* found = std::ranges::find(kKeys, name, &TestKey::name);
    return found == kKeys.end() ? nullptr : found;
}

std::string unknown_test_key(std::string_view name) {
    std::vector<std::string_view> names = {"vary"};
    for (const TestKey& key : kKeys) names.push_back(key.name);
    const std::string what =
        fmt::format("unknown key {}", realm::printable(name, realm::kShownKey));
    if (const auto near = nearest(name, names))
        return fmt::format("{}; did you mean {}?", what, *near);
    return fmt::format("{}; the keys are {}", what, fmt::join(names, ", "));
}

const std::string* argument_of(const ConfigValue& value, std::size_t max) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (text == nullptr || text->size() > max || text->find('\0') != std::string::npos)
        return nullptr;
    return text;
}

}  // namespace rvmm::vmm::suite
