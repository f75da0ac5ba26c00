#include "rmi/abi_page.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace rvmm::rmi {
namespace {

TEST(AbiPage, CommittedPage_IsWhatTheDeclarationsSay) {
    const std::string committed_path = RVMM_TEST_DOCS "/rmi-abi.md";
    const std::string expected_path = RVMM_TEST_OUTPUT "/rmi-abi.md";
    std::ostringstream committed;
    committed << std::ifstream(committed_path).rdbuf();

    const std::string expected = abi_page();
    if (committed.view() == expected) return;
    std::ofstream(expected_path) << expected;
    FAIL() << "docs/rmi-abi.md is not what src/rmi declares; if that is meant:\n  cp "
           << expected_path << " " << committed_path;
}

TEST(AllRecords, Sections_AreDistinct) {
    std::set<std::string_view> sections;
    for (const RecordInfo& record : all_records())
        EXPECT_TRUE(sections.insert(record.section).second) << record.section;
}

}  // namespace
}  // namespace rvmm::rmi
