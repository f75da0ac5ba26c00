// The keys of a `.test.toml` as one table of data: what each takes and where it goes.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "realm/spec/config_text.hpp"
#include "vmm/suite/test_spec.hpp"

namespace rvmm::vmm::suite {

/// A test in the making.
struct TestDraft {
    TestSpec spec;
    std::filesystem::path folder;
    std::string complaint = {};  // more than what the key takes; empty: that says it
};

struct TestKey {
    std::string_view name;
    std::string_view takes;
    bool (*take)(const realm::ConfigValue&, TestDraft&);
};

std::span<const TestKey> test_keys();
const TestKey* find_test_key(std::string_view name);

/// "unknown key fail-on; did you mean fail_on?"
std::string unknown_test_key(std::string_view name);

/// A string of up to `max` bytes without NUL, which no argument of a program can have; or nullptr.
const std::string* argument_of(const realm::ConfigValue& value, std::size_t max);
/// The longest regular expression, or text to type.
inline constexpr std::size_t kMostText = 4096;

}  // namespace rvmm::vmm::suite
