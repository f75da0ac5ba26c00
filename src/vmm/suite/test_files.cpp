#include "vmm/suite/test_files.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <system_error>

#include "realm/spec/config_text.hpp"
#include "vmm/suite/test_spec.hpp"

namespace rvmm::vmm::suite {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 10'000;

std::unexpected<Error> cannot_read(const fs::path& path, const std::error_code& error) {
    return fail(Stage::kImage, "cannot read {}: {}", path.string(), error.message());
}

/// What is said of a test: its path without the suffix.
std::string without_suffix(const fs::path& path) {
    std::string name = path.generic_string();
    for (const std::string_view suffix : {kTestSuffix, std::string_view(".toml")})
        if (name.size() > suffix.size() && name.ends_with(suffix)) {
            name.resize(name.size() - suffix.size());
            break;
        }
    return realm::printable(name, realm::kShownName);
}

Result<std::vector<fs::path>> tests_below(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code error;
    fs::recursive_directory_iterator entries(folder, error);
    for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
        std::error_code ignored;
        if (!entries->path().native().ends_with(kTestSuffix) || entries->is_directory(ignored))
            continue;
        found.push_back(entries->path());
        if (found.size() > kMostFiles)
            return fail(Stage::kImage, "{}: there are more than {} tests in it", folder.string(),
                        kMostFiles);
    }
    if (error) return cannot_read(folder, error);
    if (found.empty())
        return fail(Stage::kImage, "there is no *{} in {}", kTestSuffix, folder.string());
    std::ranges::sort(found);
    return found;
}

class Finder {
  public:
    Result<> add(const fs::path& path) {
        std::error_code error;
        const auto status = fs::status(path, error);
        if (error) return cannot_read(path, error);
        if (!fs::is_directory(status)) {
            add_file(path, without_suffix(path.filename()));
            return {};
        }
        RVMM_TRY(const auto tests, tests_below(path));
        for (const fs::path& test : tests)
            add_file(test, without_suffix(test.lexically_relative(path)));
        return {};
    }

    /// Files of one name are told apart by their paths.
    std::vector<TestFile> take() {
        rename_ambiguous(without_suffix);
        // "a.toml" and "a.test.toml".
        rename_ambiguous([](const fs::path& path) {
            return realm::printable(path.generic_string(), realm::kShownName);
        });
        return std::move(files_);
    }

  private:
    template <class Name>
    void rename_ambiguous(const Name& name) {
        std::map<std::string, std::size_t> count;
        for (const TestFile& file : files_) ++count[file.suite];
        for (TestFile& file : files_)
            if (count[file.suite] > 1) file.suite = name(file.path.lexically_normal());
    }

    void add_file(const fs::path& path, std::string suite) {
        std::error_code ignored;
        const fs::path real = fs::weakly_canonical(path, ignored);
        if (seen_.insert(real.empty() ? path : real).second)
            files_.push_back({path, std::move(suite)});
    }

    std::vector<TestFile> files_;
    std::set<fs::path> seen_;
};

}  // namespace

Result<std::vector<TestFile>> find_test_files(const std::vector<fs::path>& paths) {
    Finder finder;
    for (const fs::path& path : paths) RVMM_CHECK(finder.add(path));
    return finder.take();
}

}  // namespace rvmm::vmm::suite
