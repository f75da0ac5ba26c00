// docs/image-cfg.md cannot drift from the code: its tables are the table of keys, its defaults are
// the defaults, its examples parse and its errors are what is printed.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "realm/spec/config_keys.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {
namespace {

constexpr std::string_view kMinimal =
    "[boot]\nkernel = \"Image\"\n[realm]\n[[disk]]\npath = \"a\"\n[[net]]\n[[vsock]]\ncid = 3\n"
    "path = \"b\"\n[rng]\n[[console]]\n";

std::string read_doc() {
    std::ifstream file(RVMM_TEST_DATA "/../../docs/image-cfg.md");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The column after "| `name` | takes | " in `key`'s row; empty if there is no such row.
std::string documented_default(const std::string& doc, const ConfigKey& key) {
    const std::size_t table = doc.find(fmt::format("\n### {}\n", heading(key.table)));
    const std::string row = fmt::format("\n| `{}` | {} | ", key.name, expectation(key.rule));
    const std::size_t start = doc.find(row, table);
    if (table == std::string::npos || start == std::string::npos) return {};
    const std::size_t column = start + row.size();
    return doc.substr(column, doc.find(" | ", column) - column);
}

/// What an override calls `key`.
std::string overridden_name(const ConfigKey& key) {
    return find_list(key.table) == nullptr ? key.full_name()
                                           : fmt::format("{}.0.{}", key.table, key.name);
}

TEST(ConfigDoc, EachKey_IsThereWithItsRangeAndDefault) {
    const std::string doc = read_doc();
    const auto defaults = parse_config(kMinimal, "image.cfg", {});
    ASSERT_TRUE(defaults);
    for (const ConfigKey& key : config_keys()) {
        const std::string value = documented_default(doc, key);
        if (key.required) {
            EXPECT_EQ(value, "required") << key.full_name();
        } else if (!value.starts_with('`')) {
            EXPECT_EQ(value, "none") << key.full_name();
        } else {
            const std::string toml = value.substr(1, value.size() - 2);
            const auto spec = parse_config(
                kMinimal, "image.cfg", {false, {fmt::format("{}={}", overridden_name(key), toml)}});
            ASSERT_TRUE(spec) << key.full_name();
            EXPECT_EQ(*spec, *defaults) << key.full_name();
        }
    }
}

TEST(ConfigDoc, Examples_Parse) {
    const std::string doc = read_doc();
    std::size_t examples = 0;
    for (std::size_t at = 0; (at = doc.find("```toml\n", at)) != std::string::npos;) {
        at += 8;
        const auto spec = parse_config(doc.substr(at, doc.find("```", at) - at), "image.cfg", {});
        EXPECT_TRUE(spec) << spec.error().message();
        ++examples;
    }
    EXPECT_EQ(examples, 3u);
}

TEST(ConfigDoc, Errors_AreWhatIsPrinted) {
    const std::string doc = read_doc();
    const std::vector<Result<RealmSpec>> results = {
        parse_config("[machine]\nvcpus = 513\n", "image.cfg", {}),
        parse_config("[boot]\n  kernal = \"Image\"\n", "image.cfg", {}),
        parse_config(kMinimal, "image.cfg", {false, {"machine.vcpus=0"}}),
        parse_config("[[disk]]\nname = \"a\"\npath = \"b\"\n[[net]]\nname = \"a\"\n", "image.cfg",
                     {})};
    for (const auto& result : results) {
        ASSERT_FALSE(result);
        EXPECT_NE(doc.find("\n    " + result.error().message() + "\n"), std::string::npos)
            << result.error().message();
    }
}

}  // namespace
}  // namespace rvmm::realm
