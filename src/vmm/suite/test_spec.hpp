// A test of an image, as a `.test.toml` says it. Reference: docs/testing.md.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "vmm/hosts/host_facts.hpp"
#include "vmm/suite/axis.hpp"

namespace rvmm::vmm::suite {

inline constexpr std::string_view kTestSuffix = ".test.toml";
/// So that no case runs for ever.
inline constexpr auto kDefaultTimeout = std::chrono::seconds(120);

struct TestExpectation {
    std::string regex;
    std::string send = {};  // typed when it has matched
    friend bool operator==(const TestExpectation&, const TestExpectation&) = default;
};

struct TestSpec {
    std::filesystem::path source = {};       // the file, as it was named
    std::filesystem::path image = {};        // a config, as it is opened
    std::optional<RunsOn> host = {};         // nothing: the command line says it, or an axis
    std::vector<std::string> settings = {};  // as --set takes them; paths as they are opened
    std::chrono::nanoseconds timeout = kDefaultTimeout;
    std::optional<std::chrono::nanoseconds> boot_timeout = {};
    std::vector<TestExpectation> expect = {};
    std::vector<std::string> fail_on = {};
    bool end_when_met = false;    // `expect` is then not empty
    int exit_code = 0;            // 0 to 63, 80, 81 or 124
    std::string expect_rim = {};  // hex
    std::vector<Axis> vary = {};  // in the order of the file

    /// The test that the file `path` describes. Errors as parse(), and Stage::kImage if the file
    /// cannot be read.
    static Result<TestSpec> load(const std::filesystem::path& path);
    /// The same of `text`, the content of `path`; no other file is looked at. Errors
    /// (Stage::kConfig) start with "`path`:line:column: " and name the nearest key. Fuzzed.
    static Result<TestSpec> parse(std::string_view text, const std::filesystem::path& path);

    /// How many variations there are: at least 1, and at most kMostCases.
    std::size_t variations() const;
};

/// The most cases of one file, and of all that run together.
inline constexpr std::size_t kMostCases = 10'000;

/// "cca", "emulated", "lab", "vm".
std::optional<RunsOn> test_host(std::string_view name);

}  // namespace rvmm::vmm::suite
