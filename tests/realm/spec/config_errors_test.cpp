// Every wrong config in errors.txt and device_errors.txt of tests/data/config gives exactly the
// error that stands there.
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {
namespace {

struct Case {
    std::string name;
    std::string text;
    ConfigOptions options;
    std::string error;
};

std::vector<Case> read_cases(const char* name) {
    std::ifstream file(std::string(RVMM_TEST_DATA "/config/") + name);
    std::vector<Case> cases;
    const auto after = [](const std::string& line, std::string_view mark, std::string& rest) {
        if (!line.starts_with(mark)) return false;
        rest = line.substr(mark.size());
        return true;
    };
    for (std::string line, rest; std::getline(file, line);) {
        if (after(line, "== ", rest))
            cases.push_back({rest, {}, {}, {}});
        else if (cases.empty())
            continue;
        else if (after(line, "--set ", rest))
            cases.back().options.overrides.push_back(rest);
        else if (after(line, "=> ", rest))
            cases.back().error = rest;
        else
            cases.back().text += line + "\n";
    }
    return cases;
}

class ConfigErrors : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Files, ConfigErrors, ::testing::Values("errors.txt", "device_errors.txt"),
                         [](const auto& name) { return name.index == 0 ? "Config" : "Devices"; });

TEST_P(ConfigErrors, EachWrongConfig_GivesItsLine) {
    const std::vector<Case> cases = read_cases(GetParam());
    EXPECT_GE(cases.size(), 60u);
    for (const Case& wrong : cases) {
        const auto spec = parse_config(wrong.text, "image.cfg", wrong.options);
        ASSERT_FALSE(spec) << wrong.name;
        EXPECT_EQ(spec.error().message(), wrong.error) << wrong.name;
        EXPECT_EQ(spec.error().stage(), Stage::kConfig) << wrong.name;
    }
}

}  // namespace
}  // namespace rvmm::realm
