// One launch of a suite, with a name of its own, and how the cases of a command are found.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "vmm/suite/test_spec.hpp"
#include "vmm/watch/pattern.hpp"

namespace rvmm::vmm::suite {

struct TestCase {
    std::string suite;      // "hello": the file's name, without what all have
    std::string variation;  // "vcpus=4,memory=1G", "@2" for the second time; may be empty
    std::shared_ptr<const TestSpec> spec;
    std::optional<RunsOn> host = {};
    std::vector<std::string> settings = {};  // the spec's, then the variation's
    std::string skipped = {};                // why it is not run; empty: it is

    std::string name() const { return variation.empty() ? suite : suite + "/" + variation; }
};

/// A case for each variation of `spec`; the last axis changes fastest.
std::vector<TestCase> make_cases(const std::shared_ptr<const TestSpec>& spec,
                                 const std::string& suite);

/// One of several shares of all cases, of like size: "3/8".
struct Shard {
    std::size_t number = 1;  // from 1
    std::size_t of = 1;

    /// Nothing if `text` is none.
    static std::optional<Shard> parse(std::string_view text);
};

struct SuiteWishes {
    std::vector<std::filesystem::path> paths;  // files, and folders whose *.test.toml are meant
    std::optional<RunsOn> host = {};           // of --host
    std::optional<Pattern> filter = {};        // found in the names of the cases that are meant
    std::size_t repeat = 1;
};

/// All cases, names unique, in the order of the paths; below a folder in the order of names. A test
/// that names another host than `wishes` is skipped. Errors: Stage::kImage for a path that is not
/// there or a folder without tests, those of TestSpec::load(), and Stage::kUsage for more than
/// kMostCases cases, or none that the filter lets through.
Result<std::vector<TestCase>> find_cases(const SuiteWishes& wishes);

/// Errors (Stage::kUsage): a case that is to run has no host.
Result<> check_hosts(const std::vector<TestCase>& cases);

/// Why none of `cases` is to run; empty: some is, or there is none.
std::string why_all_are_skipped(const std::vector<TestCase>& cases);

/// Those of `shard`, in their order; it may have none. What is skipped is shared out too, apart
/// from what is to run.
std::vector<TestCase> share_of(const std::vector<TestCase>& cases, const Shard& shard);

}  // namespace rvmm::vmm::suite
