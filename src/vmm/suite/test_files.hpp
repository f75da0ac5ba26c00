// Where the tests are: files, and all below folders.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace rvmm::vmm::suite {

struct TestFile {
    std::filesystem::path path;
    std::string suite;  // what names its cases: no other file's
};

/// Each file once, in the order of `paths`; below a folder in the order of names. Links are not
/// followed there. Errors (Stage::kImage): a path that is not there or cannot be read, a folder in
/// which there is no test.
Result<std::vector<TestFile>> find_test_files(const std::vector<std::filesystem::path>& paths);

}  // namespace rvmm::vmm::suite
