// The reviewed texts that measurements, explanations and comparisons are compared with.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace rvmm::realm::test {

/// The file `name` of tests/data/measurement.
inline std::string golden(const char* name) {
    std::ifstream file(std::string(RVMM_TEST_DATA "/measurement/") + name);
    EXPECT_TRUE(file) << name;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace rvmm::realm::test
