// Every wrong config in tests/data/config/errors.txt gives exactly the error that stands there.
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

std::vector<Case> read_cases() {
    std::ifstream file(RVMM_TEST_DATA "/config/errors.txt");
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

TEST(ConfigErrors, EachWrongConfig_GivesItsLine) {
    const std::vector<Case> cases = read_cases();
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
