// docs/cca-hosts.md says what the tables in the code say.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "vmm/cca/revision.hpp"

namespace rvmm::vmm::cca {
namespace {

std::string revisions_of(const Defect& defect) {
    const std::string first(traits(defect.first).name);
    if (defect.first == defect.last) return first;
    return fmt::format("{} to {}", first, traits(defect.last).name);
}

TEST(CcaHostsDoc, Defects_AreTheCodes) {
    std::ifstream file(RVMM_TEST_DOCS "/cca-hosts.md");
    std::stringstream text;
    text << file.rdbuf();
    std::string expected;
    for (const Defect& defect : known_defects())
        expected += fmt::format("| `{}` | {} | {} | {} |\n", defect.name, revisions_of(defect),
                                defect.what, defect.answer);
    EXPECT_NE(text.str().find(expected), std::string::npos) << expected;
}

}  // namespace
}  // namespace rvmm::vmm::cca
